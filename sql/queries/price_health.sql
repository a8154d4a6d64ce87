-- What is stored of each ticker, when it was last updated, and what is missing or open.
select
    price_health.ticker,
    price_health.calendar,
    price_health.active,
    price_health.first_session,
    price_health.last_session,
    price_health.sessions,
    price_health.sessions_missing,
    price_health.open_issues,
    price_health.days_since_update,
    price_health.updated_at
from price_health
order by price_health.ticker
