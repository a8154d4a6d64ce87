-- Bars that a source revised later: the old values, until when they held, and why they changed.
-- params: ticker (default: all)
select
    price_revisions.ticker,
    price_revisions.session,
    price_revisions.superseded_at,
    price_revisions.reason,
    price_revisions.open,
    price_revisions.high,
    price_revisions.low,
    price_revisions.close,
    price_revisions.adj_close,
    price_revisions.volume,
    price_revisions.observed_at
from price_revisions
where (cast(:ticker as varchar) is null or price_revisions.ticker = :ticker)
order by price_revisions.superseded_at desc, price_revisions.ticker asc, price_revisions.session desc
