-- Which models there are, what they were trained on and what that cost.
-- params: ticker (default: all)
select
    models.ticker,
    models.spec,
    models.target,
    models.trained_from,
    models.cutoff,
    models.windows,
    models.epochs,
    models.loss,
    models.train_seconds,
    models.trained_at,
    models.model_id
from models
where cast(:ticker as varchar) is null or models.ticker = :ticker
order by models.ticker, models.spec, models.cutoff, models.trained_at
