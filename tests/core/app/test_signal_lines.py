"""The text of signals: exact numbers, whole lines however they were cut, times without a float in between."""

import re
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.app.signal_lines import LINE_BYTES_MAX, LineCutter, decode_object

NS = 1_000_000_000


class TestDecodeObject:
    def test_numbers_are_exact(self):
        found = decode_object(
            b'{"a": 0.1, "b": 61800, "c": 1e-3, "d": 0.1000000000000000055511151231257827, "e": "0.5"}'
        )
        assert found == {
            "a": Decimal("0.1"),
            "b": 61800,
            "c": Decimal("0.001"),
            "d": Decimal("0.1000000000000000055511151231257827"),
            "e": "0.5",
        }
        assert not any(isinstance(value, float) for value in found.values())

    def test_a_byte_order_mark_is_no_matter(self):
        assert decode_object(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"", "not JSON: Expecting value at character 1"),
            (b"{'a': 1}", "not JSON: Expecting property name enclosed in double quotes at character 2"),
            (b'{"a": 1} {"a": 2}', "not JSON: Extra data at character 10"),
            (b"[1]", "found a JSON array; allowed is an object"),
            (b"5", "found a JSON number"),
            (b"true", "found a JSON boolean"),
            (b"null", "found a JSON null"),
            (b'{"a": NaN}', "found NaN; allowed are finite numbers"),
            (b'{"a": -Infinity}', "found -Infinity"),
            (b'{"a": 1, "b": 2, "a": 3}', "found twice: a"),
            (b'{"a": "\xff"}', "not UTF-8 text: invalid start byte at byte 8"),
            (b'{"a": 1e9999999999999999999}', "a number beyond all bounds"),
            (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
            (b"[" * 60_000, "nested too deeply"),
            (b" " * (LINE_BYTES_MAX + 1), "found more than 65536 bytes"),
        ],
        ids=lambda value: value[:20] if isinstance(value, bytes) else "",
    )
    def test_what_is_wrong_is_said(self, text, said):
        with pytest.raises(ValueError, match=re.escape(said)):
            decode_object(text)

    @given(st.binary(max_size=200))
    def test_whatever_comes_is_an_object_or_a_value_error(self, text):
        with suppress(ValueError):
            assert isinstance(decode_object(text), dict)


class TestLineCutter:
    @given(st.lists(st.binary(max_size=8)), st.data())
    def test_lines_are_the_same_however_they_were_cut(self, lines, data):
        lines = [line.replace(b"\n", b"") for line in lines]
        text = b"".join(line + b"\n" for line in lines)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
        cutter, found = LineCutter(), []
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            found += cutter.feed(text[begin:end])
        assert found == list(enumerate(lines, 1))
        assert cutter.end() == []

    def test_the_last_line_may_lack_its_newline(self):
        cutter = LineCutter()
        assert cutter.feed(b"a\nb") == [(1, b"a")]
        assert cutter.end() == [(2, b"b")]

    def test_a_line_that_has_begun_can_be_dropped_whole(self):
        cutter = LineCutter()
        assert cutter.drop_begun() == []
        cutter.feed(b"a\nhal")
        assert cutter.drop_begun() == [(2, b"hal")]
        assert cutter.drop_begun() == []
        assert cutter.feed(b"f") == []
        assert cutter.feed(b"\nb\n") == [(3, b"b")]

    def test_a_line_without_end_takes_no_more_memory_than_one_line(self):
        cutter = LineCutter()
        for _ in range(10):
            assert cutter.feed(b"x" * LINE_BYTES_MAX) == []
        ((number, line), (_, after)) = cutter.feed(b"\nafter\n")
        assert (number, len(line), after) == (1, LINE_BYTES_MAX + 1, b"after")
