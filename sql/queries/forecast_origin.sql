-- Which model made each forecast, and on what data: training span, seed, checksums. The latest first.
-- params: ticker (default: all), spec (default: all)
select
    forecasts.ticker,
    forecasts.target,
    forecasts.spec,
    forecasts.target_session,
    forecasts.forecast_id,
    forecasts.issued_at,
    forecasts.recorded_at,
    forecasts.model_id,
    models.trained_from,
    models.cutoff as model_cutoff,
    models.seed,
    models.epochs,
    models.windows,
    models.data_sha256,
    models.weights_sha256,
    forecasts.window_sha256
from forecasts
inner join models on forecasts.model_id = models.model_id
where
    (cast(:ticker as varchar) is null or forecasts.ticker = :ticker)
    and (cast(:spec as varchar) is null or forecasts.spec = :spec)
order by forecasts.target_session desc, forecasts.forecast_id asc
