{#-
    A build replaces whole days, from the first one that new data affects. `rebuilt_days`, built first, holds that day; a
    full build starts with the first day of all.
-#}
{% macro first_day_of_all() -%}{{ return("date '0001-01-01'") }}{%- endmacro %}

{#-
    The earliest of these days; the last day of all if there is none. Days outside the calendar have no literal.
    If it is not after earliest_date, everything is rebuilt, because that day stands for all days before it.
-#}
{% macro known_day(days) -%}
    case
        when least({{ days }}) <= {{ setting('earliest_date') }} then {{ first_day_of_all() }}
        else least({{ days }}, date '9999-12-31')
    end
{%- endmacro %}

{#- The first day that this build replaces; `kind` is a column of rebuilt_days. A literal, so that engines skip older days. -#}
{% macro rebuilt_from(kind) -%}
    {%- if not execute -%}{%- do ref('rebuilt_days') -%}{%- endif -%}
    {%- if is_plan() -%}{{ return(day_parameters(kind)) }}{%- endif -%}
    {%- set relation = as_built('build', 'rebuilt_days') -%}
    {%- if not relation -%}{{ return(first_day_of_all()) }}{%- endif -%}
    {{ return("date '" ~ run_query('select ' ~ kind ~ ' from ' ~ relation).rows[0][0] ~ "'") }}
{%- endmacro %}

{#- The first day that a check covers: in a build the rebuilt days, in a separate run of the checks all days. -#}
{% macro checked_from(kind) -%}
    {%- set day = rebuilt_from(kind) -%}
    {%- if is_plan() -%}{{ return(day | replace('<<', '<<checked ')) }}{%- endif -%}
    {{ return(day if flags.WHICH == 'build' else first_day_of_all()) }}
{%- endmacro %}

{#- The days of rebuilt_days as parameters of the plan, with four-digit years. -#}
{% macro day_parameters(kind) -%}
    {%- set ns = namespace(written=kind) -%}
    {%- for name in ('stock_from', 'ledger_from', 'history_from', 'cost_from', 'charges_from') -%}
        {%- set ns.written = ns.written | replace(name, '<<' ~ name ~ '>>') -%}
    {%- endfor -%}
    {{ return(ns.written) }}
{%- endmacro %}

{#- A number of days before a date, but not before the first day of all. -#}
{% macro days_before(day, count) -%}
    {{ return(day if day == first_day_of_all() else 'cast(' ~ dbt.dateadd('day', -count, day) ~ ' as date)') }}
{%- endmacro %}

{#- The first day of a date's month; both are literals. A month with a rebuilt day is rebuilt as a whole. -#}
{% macro month_of(day) -%}
    {{ return(adapter.dispatch('month_start')(day) if is_plan() else day[:-3] ~ "01'") }}
{%- endmacro %}

{% macro default__month_start(day) -%}{{ return("cast(date_trunc('month', " ~ day ~ ') as date)') }}{%- endmacro %}

{#- Sail truncates in nanoseconds, whose range excludes the first day of all. -#}
{% macro spark__month_start(day) -%}{{ return('date_sub(' ~ day ~ ', day(' ~ day ~ ') - 1)') }}{%- endmacro %}

{#- A table as last built, by name: not a ref, because its reader may run before it. None in a unit test, which has only its own rows. -#}
{% macro as_built(schema, name) -%}
    {%- if is_plan() -%}{{ return(api.Relation.create(schema=generate_schema_name(schema, model), identifier=name)) }}{%- endif -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}{{ return(none) }}{%- endif -%}
    {%- set found = adapter.get_relation(this.database, generate_schema_name(schema, model), name) -%}
    {{ return(found.include(database=false) if found else none) }}
{%- endmacro %}

{#- Overrides dbt's own: a full build recreates its tables, except those that it only keeps. -#}
{% macro should_full_refresh() -%}
    {%- set may_be_made_anew = config.get('full_refresh') is not false -%}
    {{ return(may_be_made_anew and (flags.FULL_REFRESH or rebuilt_from('stock_from') == first_day_of_all())) }}
{%- endmacro %}

{#- Delete all days from the first rebuilt one, including days without new rows: their rows are gone. -#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    {%- set days = config.get('meta') -%}
    {%- set since = rebuilt_from(days['since']) -%}
    delete from {{ arguments['target_relation'] }}
    where {{ days['day'] ~ ' >= ' ~ since if 'day' in days else days['month'] ~ ' >= ' ~ month_of(since) }};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}

{#- Whether every table by day exists. If one is missing, or the engine always recreates it, only a full build is possible. -#}
{% macro incremental_tables_stand() -%}
    {%- set stand, missing = [], [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.config.materialized == 'incremental' -%}
        {%- do (stand if adapter.get_relation(node.database, node.schema, node.alias) else missing).append(node.name) -%}
    {%- endfor -%}
    {{ return(stand and not missing) }}
{%- endmacro %}

{#- Overrides dbt's own: in the `where` of a test, __stock_from__ is the first day that the check covers. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if not where -%}{{ return(relation) }}{%- endif -%}
    {%- for kind in ('stock_from', 'ledger_from', 'history_from', 'cost_from') if '__' ~ kind ~ '__' in where -%}
        {%- set where = where | replace('__' ~ kind ~ '__', checked_from(kind)) -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
    {%- endfor -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
{%- endmacro %}

{#- A text that identifies the models and settings; if it changes, all tables are rebuilt. -#}
{% macro models_and_settings() -%}
    {{ return(var('models_version') ~ ' ' ~ tojson(invocation_args_dict.get('vars', {}), sort_keys=true)) }}
{%- endmacro %}

{#- The inputs of the last build; none if a full build is requested, or in a manual dbt run, which does not know the version of the models. -#}
{% macro last_build_inputs() -%}
    {%- if is_plan() -%}{{ return(as_built('build', 'built_inputs')) }}{%- endif -%}
    {%- set full = flags.FULL_REFRESH or var('models_version') == 'by hand' or not incremental_tables_stand() -%}
    {{ return(none if full else as_built('build', 'built_inputs')) }}
{%- endmacro %}
