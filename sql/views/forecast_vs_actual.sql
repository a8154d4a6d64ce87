-- Every forecast whose session is stored, beside what happened, in the shares of today: one row a forecast.
-- basis is what a price of the forecast's time is multiplied with, 0.25 after a split of 4 for 1 since then;
-- error is forecast minus actual, in quote currency.
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
        forecasts.predicted,
        forecasts.naive,
        forecasts.last_close,
        case forecasts.target
            when 'open' then prices.open
            when 'high' then prices.high
            when 'low' then prices.low
            when 'close' then prices.close
            else prices.adj_close
        end as actual,
        case
            when not exists (
                select 1
                from price_revisions
                where
                    price_revisions.ticker = forecasts.ticker
                    and price_revisions.session = forecasts.cutoff
                    and price_revisions.superseded_at > forecasts.issued_at
                    and (
                        price_revisions.reason = 'split'
                        or (price_revisions.reason = 'dividend' and forecasts.target = 'adj_close')
                    )
            ) then 1.0
            -- the same price, told now and told then
            when forecasts.target = 'adj_close' then known.adj_close / forecasts.naive
            else known.close / forecasts.last_close
        end as basis
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
    standing.issued_at,
    standing.forecast_id
from standing
