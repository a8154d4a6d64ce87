-- Which models there are, what they were trained on and what that cost.
-- params: ticker (default: all)
select
    coalesce(models.ticker, 'all ' || models.market) as ticker,
    models.spec,
    models.target,
    models.trained_from,
    models.cutoff,
    models.windows,
    models.epochs,
    models.loss,
    models.train_seconds,
    models.trained_at,
    models.parent_model_id,
    models.model_id
from models
where cast(:ticker as varchar) is null or models.ticker = :ticker or models.ticker is null
order by
    coalesce(models.ticker, 'all ' || models.market),
    models.spec,
    models.cutoff,
    models.trained_at,
    models.model_id
