-- The live record of each ticker, target and spec: its last 20, 60 and 250 scored sessions, and all (span 0).
-- n: sessions scored; missed: nights without a forecast among them. Errors are in quote currency, in the
-- shares of each score; skill is 1 - mae / naive_mae: positive is better than naive. Coverage: share inside.
with last_scores as (
    select
        scores.forecast_id,
        max(scores.scored_at) as scored_at
    from scores
    group by scores.forecast_id
),

judged as (
    select
        forecasts.ticker,
        forecasts.target,
        forecasts.spec,
        forecasts.target_session,
        abs(scores.error) as miss,
        abs(scores.naive_error) as naive_miss,
        abs(scores.last_close_error) as last_close_miss,
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
        judged.ticker,
        judged.target,
        judged.spec,
        spans.span,
        count(*) as n,
        min(judged.target_session) as first_session,
        max(judged.target_session) as last_session,
        avg(judged.miss) as mae,
        avg(judged.naive_miss) as naive_mae,
        avg(judged.last_close_miss) as last_close_mae,
        avg(judged.direction_correct) as directional_accuracy,
        count(judged.inside_80) as intervals,
        avg(judged.inside_80) as coverage_80,
        avg(judged.inside_95) as coverage_95
    from judged
    inner join spans on spans.span = 0 or judged.age <= spans.span
    group by judged.ticker, judged.target, judged.spec, spans.span
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
