"""Tapes: read, cut, and refused with file, line, found and allowed."""

import gzip
from decimal import Decimal

import orjson
import pytest

from anyvenue.simulation.tape import BrokenTape, Tape, find_tapes

HEADER = {
    "tape": 1,
    "symbol": "ABC-USDT-PERP",
    "base": "ABC",
    "quote": "USDT",
    "settle": "USDT",
    "price_tick": "0.5",
    "quantity_step": "1",
    "source": "made by hand",
    "start_ns": 10,
    "end_ns": 40,
    "frames": 4,
}
FRAMES = [
    [10, "s", [["9.5", "3"], ["9.0", "1"]], [["10.0", "2"]]],
    [20, "d", [["9.50", "0"], ["8.5", "7"]], [["10.5", "4"]]],
    [30, "t", "buy", "10.0", "1", "x1"],
    [40, "d", [], [["10.0", "1"]]],
]


def write(path, frames=FRAMES, header=HEADER, zipped=True):
    data = b"\n".join(orjson.dumps(line) for line in (header, *frames)) + b"\n"
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_gives_its_frames_as_they_are_as_often_as_asked(tmp_path, zipped):
    tape = Tape.open(write(tmp_path / "a.tape", zipped=zipped))
    assert tape.header.symbol == "ABC-USDT-PERP"
    assert list(tape.frames()) == FRAMES
    assert list(tape.frames()) == FRAMES
    assert tape.check() == 4


def test_the_end_cuts_before_its_time(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape"))
    assert list(tape.frames(end_ns=30)) == FRAMES[:2]


def test_a_cut_start_begins_with_the_book_of_that_moment(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape"))
    # At 25 the bid 9.5 is deleted (written 9.50 there), 8.5 and 10.5 have come.
    book = [25, "s", [["9.0", "1"], ["8.5", "7"]], [["10.0", "2"], ["10.5", "4"]]]
    assert list(tape.frames(start_ns=25)) == [book, *FRAMES[2:]]


def test_a_start_at_a_frame_keeps_that_frame(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape"))
    assert list(tape.frames(start_ns=20))[1:] == FRAMES[1:]
    assert list(tape.frames(start_ns=10)) == FRAMES


def test_frames_are_read_one_at_a_time(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape", [*FRAMES, "rubbish"]))
    frames = tape.frames()
    assert [next(frames) for _ in FRAMES] == FRAMES


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ([50], r"found \[50\]; allowed is \[ts, 's'"),
        ([50, "x", [], []], "found .*'x'"),
        ([50, "t", "buy"], "found 3 values in a 't' frame; allowed is 6"),
        ([39, "d", [], []], "found the time 39; allowed is 40 or later"),
        (["50", "d", [], []], "found .*integer time"),
        ({"a": 1}, "found {'a': 1}"),
    ],
)
def test_a_frame_of_the_wrong_shape_is_named(tmp_path, frame, found):
    tape = Tape.open(write(tmp_path / "a.tape", [*FRAMES, frame]))
    with pytest.raises(BrokenTape, match=rf"a\.tape, line 6: {found}"):
        list(tape.frames())


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        ([50, "t", "long", "1", "1", "x"], "the side 'long'; allowed is 'buy' or 'sell'"),
        ([50, "t", "buy", "1", "0", "x"], "the size '0'"),
        ([50, "t", "buy", 1.5, "1", "x"], "the price 1.5; allowed is the text of a number above 0"),
        ([50, "d", [["-1", "1"]], []], "the price '-1'"),
        ([50, "d", [["nan", "1"]], []], "the price 'nan'"),
        ([50, "d", [["1", "1", "1"]], []], r"the level \['1', '1', '1'\]"),
        ([50, "d", "levels", []], "'levels'"),
        ([50, "s", [["1", "0"]], []], "the size '0'"),
    ],
)
def test_check_looks_at_every_value(tmp_path, frame, found):
    tape = Tape.open(write(tmp_path / "a.tape", [*FRAMES, frame]))
    with pytest.raises(BrokenTape, match=f"line 6: found {found}"):
        tape.check()


def test_check_counts(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape", FRAMES[:3]))
    with pytest.raises(BrokenTape, match="found the end after 3 frames; allowed is 4"):
        tape.check()


def test_a_line_that_is_no_json_is_named(tmp_path):
    path = write(tmp_path / "a.tape", zipped=False)
    path.write_bytes(path.read_bytes() + b"[50, \n")
    with pytest.raises(BrokenTape, match=r"line 6: found b'\[50, .*allowed is a JSON array"):
        list(Tape.open(path).frames())


def test_a_file_that_was_cut_off_is_named(tmp_path):
    path = write(tmp_path / "a.tape.gz", FRAMES * 1)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BrokenTape, match=r"a\.tape\.gz, line \d: .*allowed is a whole gzip file|gzip'd JSON lines"):
        list(Tape.open(path).frames())


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({**HEADER, "tape": 2}, 'allowed is a header with "tape": 1'),
        ({**HEADER, "price_tick": 0.5}, '"price_tick": 0.5; allowed is a text'),
        ({**HEADER, "frames": "4"}, "\"frames\": '4'; allowed is a whole number"),
        ([1, 2], 'allowed is a header with "tape": 1'),
    ],
)
def test_a_broken_header_is_refused_when_the_tape_is_opened(tmp_path, header, found):
    with pytest.raises(BrokenTape, match=rf"a\.tape, line 1: found .*{found}"):
        Tape.open(write(tmp_path / "a.tape", header=header))


def test_a_folder_gives_its_tapes_by_name(tmp_path):
    write(tmp_path / "b.tape.gz", header={**HEADER, "symbol": "B-USDT-PERP"})
    write(tmp_path / "a.tape", header={**HEADER, "symbol": "A-USDT-PERP"})
    (tmp_path / "notes.txt").write_text("no tape")
    assert [tape.header.symbol for tape in find_tapes(str(tmp_path))] == ["A-USDT-PERP", "B-USDT-PERP"]


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"market: found '.*nothing\.tape'; allowed are 'tape', 'synthetic'"):
        find_tapes(str(tmp_path / "nothing.tape"))


def test_the_shipped_tapes_are_whole():
    tapes = find_tapes("tape")
    assert [tape.header.symbol for tape in tapes] == ["BTC-USDT-PERP", "ETH-USDT-PERP"]
    for tape in tapes:
        assert tape.check() == tape.header.frames


def test_a_cut_of_a_shipped_tape_has_the_book_that_playing_it_gives():
    tape = find_tapes("tape")[0]
    at = tape.header.start_ns + 30_000_000_000
    bids, asks = {}, {}
    for frame in tape.frames(end_ns=at):
        if frame[1] != "t":
            for book, levels in ((bids, frame[2]), (asks, frame[3])):
                if frame[1] == "s":
                    book.clear()
                book.update((Decimal(price), Decimal(size)) for price, size in levels)
    cut = next(tape.frames(start_ns=at))
    for side, book, best in ((cut[2], bids, max), (cut[3], asks, min)):
        levels = [(Decimal(price), Decimal(size)) for price, size in side]
        assert dict(levels) == {price: size for price, size in book.items() if size}
        assert levels[0][0] == best(dict(levels))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({"frames": 0}, '"frames": 0; allowed is 1 or more'),
        ({"start_ns": 41}, '"end_ns": 40; allowed is 41 or later'),
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path, header, found):
    with pytest.raises(BrokenTape, match=f"line 1: found {found}"):
        Tape.open(write(tmp_path / "a.tape", header=HEADER | header))


def test_a_tape_that_was_cut_behind_a_line_is_told_at_its_end(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape", FRAMES[:3]))
    assert list(tape.frames(end_ns=30)) == FRAMES[:2]
    frames = tape.frames()
    assert [next(frames) for _ in range(3)] == FRAMES[:3]
    with pytest.raises(BrokenTape, match="line 4: found the end after 3 frames; allowed is 4"):
        next(frames)


def test_a_start_before_any_book_gives_none(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape", header=HEADER | {"start_ns": 1}))
    assert list(tape.frames(start_ns=5)) == FRAMES


def at_our_time(*frames):
    """Frames of our days, whose times have 19 digits."""
    return [[1_723_161_256_505_000_000 + number, *frame] for number, frame in enumerate(frames)]


def decoded(tmp_path, frames):
    header = HEADER | {"start_ns": frames[0][0], "end_ns": frames[-1][0], "frames": len(frames)}
    return list(Tape.open(write(tmp_path / "a.tape", frames, header)).frames(decoded=True))


def test_trades_and_changed_levels_with_their_line_come_decoded_where_that_is_asked_for(tmp_path):
    frames = at_our_time(*(frame[1:] for frame in FRAMES))
    whole, first, trade, second = decoded(tmp_path, frames)
    assert whole == frames[0]
    assert trade == tuple(frames[2])
    assert first == (*frames[1][:2], [("9.50", "0"), ("8.5", "7")], [("10.5", "4")], orjson.dumps(frames[1]))
    assert second == (*frames[3][:2], [], [("10.0", "1")], orjson.dumps(frames[3]))


@pytest.mark.parametrize("level", [["9.5", 3], [9.5, "3"], ["9.5"], ["9.5", "3", "1"], ["9.5", None]])
def test_levels_that_are_no_pairs_of_texts_come_as_they_are(tmp_path, level):
    frames = at_our_time(["d", [level], []], ["d", [["9.5", "3"]], []])
    assert decoded(tmp_path, frames)[0] == frames[0]


@pytest.mark.parametrize("trade", [["sold", "9.5", "3", 7], ["buy", 9.5, "3", 7], ["buy", "9.5", None, 7]])
def test_trades_that_are_not_what_they_should_be_come_as_they_are(tmp_path, trade):
    frames = at_our_time(["t", *trade], ["t", "sell", "9.5", "3", 8])
    assert decoded(tmp_path, frames) == [frames[0], tuple(frames[1])]


def test_a_fault_in_a_decoded_trade_is_told_with_its_line(tmp_path):
    frames = at_our_time(["t", "buy", "9.5", "3", 7], ["t", "buy", "nine", "3", 7])
    header = HEADER | {"start_ns": frames[0][0], "end_ns": frames[-1][0], "frames": len(frames)}
    tape = Tape.open(write(tmp_path / "a.tape", frames, header))
    assert "line 3: found the price 'nine'" in str(tape.fault(list(tape.frames(decoded=True))[1]))


def test_in_memory_it_is_the_same_tape_and_its_file_is_not_read_again(tmp_path):
    frames = at_our_time(*(frame[1:] for frame in FRAMES))
    header = HEADER | {"start_ns": frames[0][0], "end_ns": frames[-1][0]}
    tape = Tape.open(write(tmp_path / "a.tape", frames, header))
    held, expected = tape.in_memory(), list(tape.frames(decoded=True))
    assert held == tape
    (tmp_path / "a.tape").unlink()
    assert list(held.frames(decoded=True)) == expected
    assert list(held.frames(decoded=True, end_ns=frames[3][0])) == expected[:3]
    with pytest.raises(FileNotFoundError):
        list(tape.frames(decoded=True))


def test_a_tape_that_is_broken_is_refused_when_it_is_read_into_memory(tmp_path):
    tape = Tape.open(write(tmp_path / "a.tape", [*FRAMES, "rubbish"]))
    with pytest.raises(BrokenTape, match=r"a\.tape, line 6"):
        tape.in_memory()


def test_a_frame_of_changed_levels_with_more_in_it_is_refused_decoded_or_not(tmp_path):
    with pytest.raises(BrokenTape, match="line 2: found 5 values in a 'd' frame; allowed is 4"):
        decoded(tmp_path, at_our_time(["d", [], [], []]))


def test_a_decoded_frame_of_the_past_is_refused(tmp_path):
    late, early = at_our_time(["d", [], []], ["d", [], []])[::-1]
    frames = [late, early, late]
    with pytest.raises(BrokenTape, match="line 3: found the time 1723161256505000000; allowed is"):
        decoded(tmp_path, frames)
