-- Which models were promoted, rejected or rolled back, and why.
-- params: ticker (default: all), spec (default: all)
select
    promotions.as_of,
    promotions.spec,
    coalesce(promotions.ticker, 'all ' || promotions.market) as ticker,
    promotions.target,
    promotions.decision,
    promotions.reason,
    promotions.model_id,
    promotions.previous_model_id,
    promotions.decided_at
from promotions
where
    (cast(:ticker as varchar) is null or promotions.ticker = :ticker or promotions.ticker is null)
    and (cast(:spec as varchar) is null or promotions.spec = :spec)
order by promotions.as_of, promotions.decided_at, promotions.promotion_id
