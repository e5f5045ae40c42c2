"""Secrets in AWS Secrets Manager, through botocore: it knows all the ways in which a machine proves who it is.

The age of a value is the CreatedDate of its version. DescribeSecret's LastChangedDate also changes when a tag does.
Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
"""

from __future__ import annotations

import os
from datetime import datetime
from importlib import import_module
from typing import Any, Final

import orjson

from anyvenue.venue.secrets.careful import extra, is_private_way, quiet, within
from anyvenue.venue.secrets.value import Document, Secret, SecretError, instant_ns

__all__ = ["read"]

TIMEOUT_S: Final = 20.0
_CONNECT_S: Final = 3.0
_READ_S: Final = 5.0
_TRIES: Final = 2
_LOGGERS: Final = ("boto3", "botocore", "s3transfer", "urllib3")

_CREDENTIALS: Final = "AWS does not accept the credentials; renew them (see `aws sts get-caller-identity`)"
_REFUSALS: Final = {
    "ResourceNotFoundException": "there is no such secret in region {region}; check its name and the region",
    "AccessDeniedException": "access is denied; allow secretsmanager:GetSecretValue on it, and kms:Decrypt on its key",
    "DecryptionFailure": "its KMS key cannot decrypt it; check that the key is enabled and kms:Decrypt is allowed",
    "InvalidRequestException": "it cannot be read now; it may be scheduled for deletion: restore it",
    "InvalidParameterException": "AWS finds the name wrong; allowed are a secret's name or its ARN",
    "ValidationException": "AWS finds the name wrong; allowed are a secret's name or its ARN",
    "InternalServiceError": "AWS has a fault of its own; try again",
    "ServiceUnavailable": "AWS has a fault of its own; try again",
    "ThrottlingException": "AWS is asked too often; try again later",
    "ExpiredTokenException": "the AWS session has expired; log in again",
    "ExpiredToken": "the AWS session has expired; log in again",
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "IncompleteSignature": _CREDENTIALS,
    "SignatureDoesNotMatch": "AWS finds the signature wrong; check the secret access key",
    "InvalidSignatureException": "AWS finds the signature wrong; check the secret access key and this machine's clock",
    "RequestExpired": "AWS finds the request too old; set this machine's clock",
}
_FAULTS: Final = {
    "NoCredentialsError": "there are no AWS credentials; run `aws sso login`, or give the machine a role",
    "PartialCredentialsError": "the AWS credentials are incomplete; give key id and secret key both",
    "NoRegionError": "no region is set; set AWS_REGION, or use the secret's ARN",
    "ProfileNotFound": "the profile that AWS_PROFILE names does not exist",
    "UnauthorizedSSOTokenError": "the AWS session has expired; run `aws sso login`",
    "SSOTokenLoadError": "there is no AWS session; run `aws sso login`",
    "ConnectTimeoutError": "AWS could not be reached in time; check the network",
    "ReadTimeoutError": "AWS did not answer in time; check the network",
    "EndpointConnectionError": "AWS could not be reached; check the network and the region",
    "SSLError": "the certificate of AWS cannot be verified; check AWS_CA_BUNDLE, and who is in between",
    "ResponseParserError": "the answer cannot be read; who answers in place of AWS?",
}


def read(secret_id: str) -> Document:
    """Return the current version of a secret, by its name or ARN. Raises SecretError."""
    extra("aws", "botocore.session")
    try:
        found = within(TIMEOUT_S, lambda: _ask(secret_id))
    except TimeoutError:
        found = f"AWS did not answer within {TIMEOUT_S:g} s; check the network"
    if isinstance(found, str):
        raise SecretError(found)
    return found


def _ask(secret_id: str) -> Document | str:
    """Return the secret, or why there is none. Nothing that held credentials or body is in reach when it returns."""
    with quiet(*_LOGGERS):
        errors = import_module("botocore.exceptions")
        session = import_module("botocore.session").get_session()
        region: str | None = None
        try:
            region = _region(secret_id, session)
            client = _client(session, region)
            try:
                if not is_private_way(client.meta.endpoint_url):
                    return "AWS_ENDPOINT_URL lets others listen; allowed are https://, and http:// on this machine"
                return _document(client.get_secret_value(SecretId=secret_id))
            finally:
                client.close()
        except errors.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            text = _REFUSALS.get(error.response.get("Error", {}).get("Code", ""), "")
            return text.format(region=region) or f"AWS refused it, with status {status}; its text is not shown"
        except errors.BotoCoreError as error:
            name = next((cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _FAULTS), "")
            return _FAULTS.get(name, f"AWS could not be asked ({type(error).__name__})")


def _region(secret_id: str, session: Any) -> str | None:
    """Return the region that an ARN names, else the one that is set."""
    parts = secret_id.split(":")
    if parts[0] == "arn" and len(parts) > 3:
        return parts[3]
    return os.environ.get("AWS_REGION") or session.get_config_variable("region")


def _client(session: Any, region: str | None) -> Any:
    config = import_module("botocore.config").Config(
        connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"total_max_attempts": _TRIES, "mode": "standard"}
    )
    return session.create_client("secretsmanager", region_name=region, config=config)


def _document(answer: dict[str, Any]) -> Document | str:
    text, created = answer.get("SecretString"), answer.get("CreatedDate")
    changed_ns = instant_ns(created) if isinstance(created, datetime) else None
    if not text:
        return "it is empty or binary; allowed is text"
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Document.of(Secret(text), changed_ns)
    secrets = {name: Secret(value) if isinstance(value, str) and value else None for name, value in fields.items()}
    return Document(secrets, changed_ns)
