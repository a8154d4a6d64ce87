-- How good were the live forecasts of all tickers in the last 20, 60, 250 and all (span 0) sessions?
-- params: target (default: all), spec (default: all)
-- Errors are in percent of the last close; those of the last close are null for adj_close, on another scale.
-- skill is 1 - mae / naive_mae: positive is better than naive.
-- directional_accuracy: share of right directions, from the last close (adj_close: the last adjusted close).
-- market: simulated tickers are never pooled with real ones.
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
        case prices.source when 'simulated' then 'simulated' else 'real' end as market,
        abs(scores.error) / (forecasts.last_close * scores.basis) as miss,
        abs(scores.naive_error) / (forecasts.last_close * scores.basis) as naive_miss,
        case
            when forecasts.target <> 'adj_close'
                then abs(scores.last_close_error) / (forecasts.last_close * scores.basis)
        end as last_close_miss,
        cast(cast(scores.inside_80 as integer) as double precision) as inside_80,
        cast(cast(scores.inside_95 as integer) as double precision) as inside_95,
        cast(cast(scores.direction_correct as integer) as double precision) as direction_correct
    from forecasts
    inner join last_scores on forecasts.forecast_id = last_scores.forecast_id
    inner join scores
        on last_scores.forecast_id = scores.forecast_id and last_scores.scored_at = scores.scored_at
    inner join prices on forecasts.ticker = prices.ticker and forecasts.cutoff = prices.session
    where
        forecasts.kind = 'live'
        and (cast(:target as varchar) is null or forecasts.target = :target)
        and (cast(:spec as varchar) is null or forecasts.spec = :spec)
),

aged as (
    select
        scored.*,
        dense_rank() over (
            partition by scored.market, scored.target, scored.spec order by scored.target_session desc
        ) as age
    from scored
),

spans as (
    select 20 as span
    union all
    select 60 as span
    union all
    select 250 as span
    union all
    select 0 as span
)

select
    aged.market,
    aged.target,
    aged.spec,
    spans.span,
    count(distinct aged.target_session) as sessions,
    count(distinct aged.ticker) as tickers,
    count(*) as forecasts,
    100.0 * avg(aged.miss) as mae_percent,
    100.0 * avg(aged.naive_miss) as naive_mae_percent,
    100.0 * avg(aged.last_close_miss) as last_close_mae_percent,
    1.0 - avg(aged.miss) / nullif(avg(aged.naive_miss), 0.0) as skill,
    avg(aged.direction_correct) as directional_accuracy,
    avg(aged.inside_80) as coverage_80,
    avg(aged.inside_95) as coverage_95
from aged
inner join spans on spans.span = 0 or aged.age <= spans.span
group by aged.market, aged.target, aged.spec, spans.span
order by aged.market, aged.target, aged.spec, spans.span
