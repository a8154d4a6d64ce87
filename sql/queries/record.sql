-- The whole record as one table for export: each forecast with the actual price and its last score.
-- params: ticker (default: all), spec (default: all), kind (default: all)
with last_scores as (
    select
        scores.forecast_id,
        max(scores.scored_at) as scored_at
    from scores
    group by scores.forecast_id
)

select
    forecasts.ticker,
    forecasts.target,
    forecasts.spec,
    forecasts.kind,
    forecasts.cutoff,
    forecasts.target_session,
    forecasts.target_opens_at,
    forecasts.live_until,
    forecasts.issued_at,
    forecasts.recorded_at,
    forecasts.predicted,
    forecasts.naive,
    forecasts.last_close,
    forecasts.drift,
    forecasts.moving_average,
    forecasts.lower_80,
    forecasts.upper_80,
    forecasts.lower_95,
    forecasts.upper_95,
    scores.basis,
    scores.actual,
    scores.error,
    scores.naive_error,
    scores.last_close_error,
    scores.drift_error,
    scores.moving_average_error,
    scores.inside_80,
    scores.inside_95,
    scores.direction_correct,
    scores.pinball,
    scores.scored_at,
    forecasts.model_id,
    forecasts.forecast_id
from forecasts
left join last_scores on forecasts.forecast_id = last_scores.forecast_id
left join scores
    on last_scores.forecast_id = scores.forecast_id and last_scores.scored_at = scores.scored_at
where
    (cast(:ticker as varchar) is null or forecasts.ticker = :ticker)
    and (cast(:spec as varchar) is null or forecasts.spec = :spec)
    and (cast(:kind as varchar) is null or forecasts.kind = :kind)
order by forecasts.target_session, forecasts.forecast_id
