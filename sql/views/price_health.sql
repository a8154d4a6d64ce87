-- What is stored of each ticker and what is wrong with it: one row a ticker.
with stored as (
    select
        prices.ticker,
        count(*) as sessions,
        max(prices.observed_at) as updated_at
    from prices
    group by prices.ticker
),

issues as (
    select
        price_issues.ticker,
        count(*) as open_issues
    from price_issues
    where price_issues.resolved_at is null
    group by price_issues.ticker
)

select
    instruments.ticker,
    instruments.calendar,
    instruments.active,
    instruments.first_session,
    instruments.last_session,
    stored.updated_at,
    coalesce(stored.sessions, 0) as sessions,
    coalesce(issues.open_issues, 0) as open_issues
from instruments
left join stored on instruments.ticker = stored.ticker
left join issues on instruments.ticker = issues.ticker
