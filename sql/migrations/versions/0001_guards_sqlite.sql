-- The record can't be rewritten: what SQLite refuses, and whose clock counts.
create trigger forecasts_refuses_update before update on forecasts
begin
    select raise(abort, 'forecasts can not be rewritten: a forecast stands as it was issued');
end;

create trigger forecasts_refuses_delete before delete on forecasts
begin
    select raise(abort, 'forecasts can not be rewritten: a forecast stands as it was issued');
end;

create trigger scores_refuses_update before update on scores
begin
    select raise(abort, 'scores can not be rewritten: a score stands, a later one is added beside it');
end;

create trigger scores_refuses_delete before delete on scores
begin
    select raise(abort, 'scores can not be rewritten: a score stands, a later one is added beside it');
end;

create trigger missed_nights_refuses_update before update on missed_nights
begin
    select raise(abort, 'missed_nights can not be rewritten: a missed night stays missed');
end;

create trigger missed_nights_refuses_delete before delete on missed_nights
begin
    select raise(abort, 'missed_nights can not be rewritten: a missed night stays missed');
end;

create trigger promotions_refuses_update before update on promotions
begin
    select raise(abort, 'promotions can not be rewritten: a decision stands, a later one is added');
end;

create trigger promotions_refuses_delete before delete on promotions
begin
    select raise(abort, 'promotions can not be rewritten: a decision stands, a later one is added');
end;

-- INSERT OR REPLACE deletes without asking the triggers above
create trigger forecasts_refuses_replace before insert on forecasts
when
    exists (
        select 1 from forecasts as old
        where
            old.forecast_id = new.forecast_id
            or (
                old.ticker = new.ticker
                and old.target = new.target
                and old.spec = new.spec
                and old.cutoff = new.cutoff
                and old.kind = new.kind
            )
    )
begin
    select raise(abort, 'forecasts can not be rewritten: the first forecast of a key stands');
end;

create trigger scores_refuses_replace before insert on scores
when
    exists (
        select 1 from scores as old
        where old.forecast_id = new.forecast_id and old.scored_at = new.scored_at
    )
begin
    select raise(abort, 'scores can not be rewritten: a score stands');
end;

create trigger missed_nights_refuses_replace before insert on missed_nights
when
    exists (
        select 1 from missed_nights as old
        where
            old.ticker = new.ticker
            and old.target = new.target
            and old.spec = new.spec
            and old.target_session = new.target_session
    )
begin
    select raise(abort, 'missed_nights can not be rewritten: a missed night stays missed');
end;

create trigger promotions_refuses_replace before insert on promotions
when
    exists (
        select 1 from promotions as old
        where old.promotion_id = new.promotion_id
    )
begin
    select raise(abort, 'promotions can not be rewritten: a decision stands');
end;

create trigger forecasts_recorded_at before insert on forecasts
when new.recorded_at is not current_timestamp
begin
    select raise(abort, 'recorded_at is the clock of the database: leave it out');
end;

-- only the simulated market has a time of its own
create trigger forecasts_live_before_open before insert on forecasts
when
    new.kind = 'live'
    and julianday(current_timestamp) >= julianday(new.target_opens_at)
    and (
        select prices.source from prices
        where prices.ticker = new.ticker and prices.session = new.cutoff
    ) is not 'simulated'
begin
    select raise(
        abort,
        'a live forecast has to be recorded before its target session opens; later ones are hindcasts'
    );
end;
