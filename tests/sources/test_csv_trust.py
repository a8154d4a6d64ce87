"""How many bad rows a price file may have."""

from collections import Counter
from datetime import UTC, datetime

import pandas as pd
import pytest

from stockrnn.errors import PriceFileError
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import calendar_at
from stockrnn.sources.csv_file import read_price_file, require_mostly_good
from stockrnn.types import BAR_COLUMNS, Bars, PriceIssue


def make_bars(good, **kinds):
    """Bars with so many good rows and so many issues of each kind, the issues on the days after."""
    days = pd.bdate_range("2020-01-02", periods=good + sum(kinds.values()))
    frame = pd.DataFrame(1.0, index=days[:good], columns=list(BAR_COLUMNS))
    names = [kind for kind, count in kinds.items() for _ in range(count)]
    return Bars(
        frame=frame,
        issues=tuple(
            PriceIssue(session=day.date(), kind=kind, detail=f"why {kind}", raw={})
            for day, kind in zip(days[good:], names, strict=True)
        ),
    )


@pytest.mark.parametrize("bars", [make_bars(9, missing_price=1), make_bars(1)])
def test_a_few_bad_rows_do_not_refuse_a_file(tmp_path, bars):
    require_mostly_good(tmp_path, bars)


def test_more_than_one_bad_row_in_ten_refuses_the_file(tmp_path):
    with pytest.raises(PriceFileError) as caught:
        require_mostly_good(tmp_path, make_bars(17, missing_price=1, negative_volume=2))
    assert "3 of 20 rows can't be used, most often for negative_volume (2)" in str(caught.value)
    assert "the first is 2020-01-27: why missing_price" in str(caught.value)
    assert "check that the file belongs to this ticker and its exchange's calendar" in str(caught.value)


def test_sessions_still_open_do_not_count_against_a_file(tmp_path):
    require_mostly_good(tmp_path, make_bars(9, missing_price=1, session_not_settled=90))
    with pytest.raises(PriceFileError, match="2 of 11 rows"):
        require_mostly_good(tmp_path, make_bars(9, missing_price=2, session_not_settled=90))


def test_a_file_without_any_good_row_is_refused(tmp_path):
    with pytest.raises(PriceFileError, match="5 of 5 rows can't be used, most often for session_not_settled"):
        require_mostly_good(tmp_path, make_bars(0, session_not_settled=5))


def test_the_real_djia_files_are_read_with_their_known_faults(shared_data):
    as_of = datetime(2018, 1, 1, tzinfo=UTC)
    closes = calendar_at("XNYS", as_of).table["closes"]
    kinds, rows = {}, {}
    for path in sorted((shared_data / "djia").glob("*.csv")):
        frame = read_price_file(path)
        bars = check_bars(frame, closes=closes, as_of=as_of)
        require_mostly_good(path, bars)
        rows[path.stem] = len(frame)
        kinds[path.stem] = Counter(issue.kind for issue in bars.issues)
    assert len(rows) == 15
    # each file has the 3020 sessions from 2006 to 2017, or lacks one
    assert Counter(rows.values()) == {3020: 12, 3019: 3}
    assert kinds["HD"] == {"high_low_contradiction": 12, "non_positive_price": 1, "missing_price": 1}
    assert kinds["AAPL"] == {"high_low_contradiction": 2}
