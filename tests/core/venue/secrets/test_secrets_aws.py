"""AWS Secrets Manager: a secret by name or ARN, and what is said where there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anyvenue.venue.secrets import SecretError, SecretReference
from anyvenue.venue.secrets import aws as aws_store

REFERENCE = SecretReference.parse("aws:trading/main#key")


def told(reference: SecretReference = REFERENCE) -> str:
    with pytest.raises(SecretError) as caught:
        reference.resolve()
    return str(caught.value).removeprefix(f"{reference}: ")


def test_a_field_of_the_current_version_with_its_age(aws: Any, canary: str) -> None:
    aws.write("trading/main", json.dumps({"key": canary, "secret": "x"}), created=1_523_477_145.713)
    fetched = REFERENCE.fetch()
    assert fetched.secret.reveal() == canary
    assert fetched.changed_ns == 1_523_477_145_713_000_000
    [asked] = aws.asked
    assert asked.method == "POST"
    assert asked.headers["content-type"] == "application/x-amz-json-1.1"
    assert json.loads(asked.body) == {"SecretId": "trading/main"}
    assert "/eu-central-1/secretsmanager/" in asked.headers["authorization"]


@pytest.mark.parametrize("text", ["canary-4711-do-not-show", '["a", "list"]', "4711"])
def test_a_secret_without_fields_is_its_whole_text(aws: Any, text: str) -> None:
    aws.write("trading/main", text)
    assert SecretReference.parse("aws:trading/main").resolve().reveal() == text
    assert told() == "it is one text without fields; leave #key out"


def test_an_arn_says_its_region(aws: Any, canary: str) -> None:
    arn = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:main-a1b2c3"
    aws.write(arn, canary)
    assert SecretReference.parse(f"aws:{arn}").resolve().reveal() == canary
    assert "/ap-northeast-1/secretsmanager/" in aws.asked[0].headers["authorization"]


def test_what_the_document_lacks_is_told(aws: Any, canary: str) -> None:
    assert told() == "there is no such secret in region eu-central-1; check its name and the region"
    aws.write("trading/main", json.dumps({"secret": canary, "number": 1}))
    assert told() == "it has no field key; its fields are number, secret"
    assert told(SecretReference.parse("aws:trading/main")) == (
        "no field is named; put #FIELD behind it; its fields are number, secret"
    )
    assert told(SecretReference.parse("aws:trading/main#number")).startswith("its field number holds no text")
    aws.secrets["trading/main"] = {"SecretBinary": "Y2FuYXJ5"}
    assert told() == "it is empty or binary; allowed is text"


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (400, "AccessDeniedException", "allow secretsmanager:GetSecretValue"),
        (400, "ExpiredTokenException", "the AWS session has expired; log in again"),
        (400, "UnrecognizedClientException", "AWS does not accept the credentials"),
        (400, "InvalidSignatureException", "check the secret access key and this machine's clock"),
        (400, "InvalidRequestException", "scheduled for deletion: restore it"),
        (400, "DecryptionFailure", "check that the key is enabled"),
        (418, "canary-4711-do-not-show", "AWS refused it, with status 418; its text is not shown"),
    ],
)
def test_what_aws_refuses_is_told_with_what_to_do(aws: Any, canary: str, status: int, kind: str, advice: str) -> None:
    aws.refusal = (status, kind)
    assert advice in (text := told())
    assert canary not in text


def test_a_machine_that_cannot_prove_who_it_is_is_told_so(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert told() == "there are no AWS credentials; run `aws sso login`, or give the machine a role"
    monkeypatch.delenv("AWS_REGION")
    assert told() == "no region is set; set AWS_REGION, or use the secret's ARN"
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert told() == "the profile that AWS_PROFILE names does not exist"
    assert not aws.asked


def test_a_secret_does_not_travel_in_plain_text(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://aws.example.com")
    assert told() == "AWS_ENDPOINT_URL lets others listen; allowed are https://, and http:// on this machine"


def test_a_store_that_is_silent_is_given_up(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_store, "_READ_S", 0.05)
    monkeypatch.setattr(aws_store, "_TRIES", 1)
    aws.fault = aws.hang
    assert told() == "AWS did not answer in time; check the network"
    aws.released.set()


def test_a_store_that_sends_byte_by_byte_is_given_up_in_time(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_store, "TIMEOUT_S", 0.5)
    aws.fault = aws.drip
    assert told() == "AWS did not answer within 0.5 s; check the network"
    aws.released.set()
