-- The live record of each ticker, target and spec: its last 20, 60 and 250 scored sessions, and all (span 0).
-- n: sessions scored; missed: nights without a forecast among them. Errors are in quote currency, in the
-- shares of each score; those of the last close are null for adj_close, which is on another scale.
-- skill is 1 - mae / naive_mae: positive is better than naive. Coverage: share of actual prices inside.
-- directional_accuracy: share of right directions, from the last close (adj_close: the last adjusted close).
with last_scores as (
    select
        scores.forecast_id,
        max(scores.scored_at) as scored_at
    from scores
    group by scores.forecast_id
),

scored as (
    select
        forecasts.ticker,
        forecasts.target,
        forecasts.spec,
        forecasts.target_session,
        abs(scores.error) as miss,
        abs(scores.naive_error) as naive_miss,
        case when forecasts.target <> 'adj_close' then abs(scores.last_close_error) end as last_close_miss,
        cast(cast(scores.inside_80 as integer) as double precision) as inside_80,
        cast(cast(scores.inside_95 as integer) as double precision) as inside_95,
        cast(cast(scores.direction_correct as integer) as double precision) as direction_correct,
        row_number() over (
            partition by forecasts.ticker, forecasts.target, forecasts.spec
            order by forecasts.target_session desc
        ) as age
    from forecasts
    inner join last_scores on forecasts.forecast_id = last_scores.forecast_id
    inner join scores
        on last_scores.forecast_id = scores.forecast_id and last_scores.scored_at = scores.scored_at
    where forecasts.kind = 'live'
),

spans as (
    select 20 as span
    union all
    select 60 as span
    union all
    select 250 as span
    union all
    select 0 as span
),

summed as (
    select
        scored.ticker,
        scored.target,
        scored.spec,
        spans.span,
        count(*) as n,
        min(scored.target_session) as first_session,
        max(scored.target_session) as last_session,
        avg(scored.miss) as mae,
        avg(scored.naive_miss) as naive_mae,
        avg(scored.last_close_miss) as last_close_mae,
        avg(scored.direction_correct) as directional_accuracy,
        count(scored.inside_80) as intervals,
        avg(scored.inside_80) as coverage_80,
        avg(scored.inside_95) as coverage_95
    from scored
    inner join spans on spans.span = 0 or scored.age <= spans.span
    group by scored.ticker, scored.target, scored.spec, spans.span
)

select
    summed.ticker,
    summed.target,
    summed.spec,
    summed.span,
    summed.n,
    (
        select count(*)
        from missed_nights
        where
            missed_nights.ticker = summed.ticker
            and missed_nights.target = summed.target
            and missed_nights.spec = summed.spec
            and missed_nights.target_session >= summed.first_session
    ) as missed,
    summed.first_session,
    summed.last_session,
    summed.mae,
    summed.naive_mae,
    summed.last_close_mae,
    1.0 - summed.mae / nullif(summed.naive_mae, 0.0) as skill,
    1.0 - summed.mae / nullif(summed.last_close_mae, 0.0) as skill_over_last_close,
    summed.directional_accuracy,
    summed.intervals,
    summed.coverage_80,
    summed.coverage_95
from summed
