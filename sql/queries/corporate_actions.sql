-- Dividends and capital gains (cash per share, in today's shares) and splits (new shares per old).
-- params: ticker (default: all)
select
    corporate_actions.ticker,
    corporate_actions.ex_date,
    corporate_actions.kind,
    corporate_actions.value,
    corporate_actions.observed_at
from corporate_actions
where (cast(:ticker as varchar) is null or corporate_actions.ticker = :ticker)
order by corporate_actions.ticker, corporate_actions.ex_date, corporate_actions.kind
