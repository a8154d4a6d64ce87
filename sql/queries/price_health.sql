-- What is stored of each ticker, when it was last updated and how many issues are open.
select
    price_health.ticker,
    price_health.calendar,
    price_health.first_session,
    price_health.last_session,
    price_health.sessions,
    price_health.open_issues,
    price_health.updated_at
from price_health
order by price_health.ticker
