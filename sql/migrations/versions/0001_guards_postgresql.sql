-- The record can't be rewritten: what Postgres refuses, and whose clock counts.
-- sqlfluff:dialect:postgres
create function refuse_rewriting() returns trigger language plpgsql as $$ begin
raise exception '% can not be rewritten: %', tg_table_name, tg_argv[0]; end $$;

create trigger forecasts_refuses_rewriting before update or delete or truncate on forecasts
for each statement execute function refuse_rewriting('a forecast stands as it was issued');

create trigger scores_refuses_rewriting before update or delete or truncate on scores
for each statement execute function refuse_rewriting('a score stands, a later one is added beside it');

create trigger missed_nights_refuses_rewriting before update or delete or truncate on missed_nights
for each statement execute function refuse_rewriting('a missed night stays missed');

create trigger promotions_refuses_rewriting before update or delete or truncate on promotions
for each statement execute function refuse_rewriting('a decision stands, a later one is added');

-- the clock is the database's own; only the simulated market has a time of its own
create function record_forecast() returns trigger language plpgsql as $$ begin
new.recorded_at := clock_timestamp();
if new.kind = 'live' and new.recorded_at >= new.target_opens_at
and (
    select prices.source from prices where prices.ticker = new.ticker and prices.session = new.cutoff
) is distinct from 'simulated'
then raise exception 'a live forecast has to be recorded before its target session opens; later ones are hindcasts';
end if; return new; end $$;

create trigger forecasts_recorded before insert on forecasts
for each row execute function record_forecast();

-- SQLite has this function; with it one text of a view counts days on both databases
create function julianday(moment timestamptz) returns double precision language sql stable
return extract(epoch from moment) / 86400 + 2440587.5;
