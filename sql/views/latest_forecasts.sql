-- One row per ticker, target and spec: its newest forecast, with naive and the last close beside it.
-- hours_after_open: how long after its session's opening it was issued, in hours; negative: before it.
with ranked as (
    select
        forecasts.ticker,
        forecasts.target,
        forecasts.spec,
        forecasts.cutoff,
        forecasts.target_session,
        forecasts.target_opens_at,
        (julianday(forecasts.issued_at) - julianday(forecasts.target_opens_at)) * 24 as hours_after_open,
        forecasts.kind,
        forecasts.predicted,
        forecasts.naive,
        forecasts.last_close,
        forecasts.lower_80,
        forecasts.upper_80,
        forecasts.lower_95,
        forecasts.upper_95,
        forecasts.issued_at,
        forecasts.model_id,
        forecasts.forecast_id,
        row_number() over (
            partition by forecasts.ticker, forecasts.target, forecasts.spec
            order by forecasts.cutoff desc, forecasts.kind desc
        ) as newest
    from forecasts
)

select
    ranked.ticker,
    ranked.target,
    ranked.spec,
    ranked.cutoff,
    ranked.target_session,
    ranked.target_opens_at,
    ranked.kind,
    ranked.predicted,
    ranked.naive,
    ranked.last_close,
    ranked.lower_80,
    ranked.upper_80,
    ranked.lower_95,
    ranked.upper_95,
    ranked.issued_at,
    ranked.hours_after_open,
    ranked.model_id,
    ranked.forecast_id
from ranked
where ranked.newest = 1
