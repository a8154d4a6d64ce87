-- Rows that were quarantined and are not resolved yet, and why.
-- params: ticker (default: all)
select
    price_issues.ticker,
    price_issues.session,
    price_issues.kind,
    price_issues.detail,
    price_issues.detected_at
from price_issues
where
    price_issues.resolved_at is null
    and (cast(:ticker as varchar) is null or price_issues.ticker = :ticker)
order by price_issues.ticker, price_issues.session, price_issues.kind
