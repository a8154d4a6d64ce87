-- One row per ticker: which prices are stored of it and which are missing or quarantined.
-- updated_at: when a source last answered; where none ever did, when the newest bar came in.
with stored as (
    select
        prices.ticker,
        count(*) as sessions,
        max(prices.observed_at) as observed_at
    from prices
    group by prices.ticker
),

issues as (
    select
        price_issues.ticker,
        count(*) as open_issues,
        count(*) filter (where price_issues.kind = 'missing_session') as sessions_missing
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
    coalesce(instruments.updated_at, stored.observed_at) as updated_at,
    coalesce(stored.sessions, 0) as sessions,
    coalesce(issues.sessions_missing, 0) as sessions_missing,
    coalesce(issues.open_issues, 0) as open_issues,
    -- rounded down, with a second more because current_timestamp has no fractions of one
    cast(
        round(
            julianday(current_timestamp) + 1.0 / 86400 - 0.499999
            - julianday(coalesce(instruments.updated_at, stored.observed_at))
        )
        as integer
    ) as days_since_update
from instruments
left join stored on instruments.ticker = stored.ticker
left join issues on instruments.ticker = issues.ticker
