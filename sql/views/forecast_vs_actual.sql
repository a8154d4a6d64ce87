-- One row per forecast whose session is stored, beside the actual price, all in the shares of today.
-- basis: what a price of the forecast's time is multiplied by, 0.25 after a split of 4 for 1 since then.
-- hours_after_open: how long after its session's opening it was issued, in hours; negative: before it.
-- error: forecast minus actual, in quote currency; that of last_close is on another scale for adj_close.
with standing as (
    select
        forecasts.forecast_id,
        forecasts.ticker,
        forecasts.target,
        forecasts.spec,
        forecasts.kind,
        forecasts.cutoff,
        forecasts.target_session,
        forecasts.issued_at,
        (julianday(forecasts.issued_at) - julianday(forecasts.target_opens_at)) * 24 as hours_after_open,
        forecasts.predicted,
        forecasts.naive,
        forecasts.last_close,
        forecasts.drift,
        forecasts.moving_average,
        forecasts.lower_80,
        forecasts.upper_80,
        forecasts.lower_95,
        forecasts.upper_95,
        case forecasts.target
            when 'open' then prices.open
            when 'high' then prices.high
            when 'low' then prices.low
            when 'close' then prices.close
            else prices.adj_close
        end as actual,
        -- the cutoff's price now, over the same price before its first restatement since the forecast
        coalesce(
            case when forecasts.target = 'adj_close' then known.adj_close else known.close end
            / (
                select case when forecasts.target = 'adj_close' then revised.adj_close else revised.close end
                from price_revisions as revised
                where
                    revised.ticker = forecasts.ticker
                    and revised.session = forecasts.cutoff
                    and revised.superseded_at > coalesce(forecasts.known_at, forecasts.issued_at)
                    and (
                        revised.reason = 'split'
                        or (revised.reason in ('dividend', 'source') and forecasts.target = 'adj_close')
                    )
                order by revised.superseded_at
                limit 1
            ),
            1.0
        ) as basis
    from forecasts
    inner join prices on forecasts.ticker = prices.ticker and forecasts.target_session = prices.session
    inner join prices as known on forecasts.ticker = known.ticker and forecasts.cutoff = known.session
)

select
    standing.ticker,
    standing.target,
    standing.spec,
    standing.kind,
    standing.cutoff,
    standing.target_session,
    standing.basis,
    standing.actual,
    standing.predicted * standing.basis as predicted,
    standing.naive * standing.basis as naive,
    standing.last_close * standing.basis as last_close,
    standing.predicted * standing.basis - standing.actual as error,
    standing.naive * standing.basis - standing.actual as naive_error,
    standing.last_close * standing.basis - standing.actual as last_close_error,
    standing.drift * standing.basis as drift,
    standing.moving_average * standing.basis as moving_average,
    standing.drift * standing.basis - standing.actual as drift_error,
    standing.moving_average * standing.basis - standing.actual as moving_average_error,
    standing.lower_80 * standing.basis as lower_80,
    standing.upper_80 * standing.basis as upper_80,
    standing.lower_95 * standing.basis as lower_95,
    standing.upper_95 * standing.basis as upper_95,
    standing.issued_at,
    standing.hours_after_open,
    standing.forecast_id
from standing
