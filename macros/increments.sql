{#-
    A build replaces whole days, from the first one that anything new bears upon. Which one that is stands in
    `rebuilt_days`, made first; a full build begins with the first day of all.
-#}
{% macro first_day_of_all() -%}{{ return("date '0001-01-01'") }}{%- endmacro %}

{#-
    The earliest of these days; the last day of all where there is none. Days beyond a calendar have no literal.
    All is built again where it is not after earliest_date, since this day stands for all before it.
-#}
{% macro known_day(days) -%}
    case
        when least({{ days }}) <= {{ setting('earliest_date') }} then {{ first_day_of_all() }}
        else least({{ days }}, date '9999-12-31')
    end
{%- endmacro %}

{#- The day from which this build replaces: `kind` is a column of rebuilt_days. A literal, so that older days are not even read. -#}
{% macro rebuilt_from(kind) -%}
    {%- if not execute -%}{%- do ref('rebuilt_days') -%}{%- endif -%}
    {%- if is_plan() -%}{{ return(day_parameters(kind)) }}{%- endif -%}
    {%- set relation = as_built('build', 'rebuilt_days') -%}
    {%- if not relation -%}{{ return(first_day_of_all()) }}{%- endif -%}
    {{ return("date '" ~ run_query('select ' ~ kind ~ ' from ' ~ relation).rows[0][0] ~ "'") }}
{%- endmacro %}

{#- The day from which a check looks: the rebuilt days in a build, all of them when the checks are run alone. -#}
{% macro checked_from(kind) -%}
    {%- set day = rebuilt_from(kind) -%}
    {%- if is_plan() -%}{{ return(day | replace('<<', '<<checked ')) }}{%- endif -%}
    {{ return(day if flags.WHICH == 'build' else first_day_of_all()) }}
{%- endmacro %}

{#- The days of rebuilt_days as parameters of the plan, a day of one year's four digits each. -#}
{% macro day_parameters(kind) -%}
    {%- set ns = namespace(written=kind) -%}
    {%- for name in ('stock_from', 'ledger_from', 'history_from', 'cost_from', 'charges_from') -%}
        {%- set ns.written = ns.written | replace(name, '<<' ~ name ~ '>>') -%}
    {%- endfor -%}
    {{ return(ns.written) }}
{%- endmacro %}

{#- So many days before it; before the first day of all there is none. -#}
{% macro days_before(day, count) -%}
    {{ return(day if day == first_day_of_all() else 'cast(' ~ dbt.dateadd('day', -count, day) ~ ' as date)') }}
{%- endmacro %}

{#- The first day of its month; both are literals. A month with a rebuilt day is rebuilt as a whole. -#}
{% macro month_of(day) -%}
    {{ return(adapter.dispatch('month_start')(day) if is_plan() else day[:-3] ~ "01'") }}
{%- endmacro %}

{% macro default__month_start(day) -%}{{ return("cast(date_trunc('month', " ~ day ~ ') as date)') }}{%- endmacro %}

{#- Sail truncates by nanoseconds, which do not reach the first day of all. -#}
{% macro spark__month_start(day) -%}{{ return('date_sub(' ~ day ~ ', day(' ~ day ~ ') - 1)') }}{%- endmacro %}

{#- A table as it stands, by name: not a ref, since what reads it may stand before it. None in an example, which is about its own rows. -#}
{% macro as_built(schema, name) -%}
    {%- if is_plan() -%}{{ return(api.Relation.create(schema=generate_schema_name(schema, model), identifier=name)) }}{%- endif -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}{{ return(none) }}{%- endif -%}
    {%- set found = adapter.get_relation(this.database, generate_schema_name(schema, model), name) -%}
    {{ return(found.include(database=false) if found else none) }}
{%- endmacro %}

{#- Overrides dbt's own: a build from the first day of all makes its tables anew, but those that it only leaves as they stand. -#}
{% macro should_full_refresh() -%}
    {%- set may_be_made_anew = config.get('full_refresh') is not false -%}
    {{ return(may_be_made_anew and (flags.FULL_REFRESH or rebuilt_from('stock_from') == first_day_of_all())) }}
{%- endmacro %}

{#- All days from the first rebuilt one go, also those that nothing comes back for: what vanished is gone. -#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    {%- set days = config.get('meta') -%}
    {%- set since = rebuilt_from(days['since']) -%}
    delete from {{ arguments['target_relation'] }}
    where {{ days['day'] ~ ' >= ' ~ since if 'day' in days else days['month'] ~ ' >= ' ~ month_of(since) }};
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}

{#- Whether every table of whole days is there: one that is missing, or that an engine always makes anew, can only be built in full. -#}
{% macro incremental_tables_stand() -%}
    {%- set stand, missing = [], [] -%}
    {%- for node in (graph.nodes.values() if execute else []) if node.config.materialized == 'incremental' -%}
        {%- do (stand if adapter.get_relation(node.database, node.schema, node.alias) else missing).append(node.name) -%}
    {%- endfor -%}
    {{ return(stand and not missing) }}
{%- endmacro %}

{#- Overrides dbt's own: in the `where` of a test, __stock_from__ is the day from which a check looks at such a table. -#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if not where -%}{{ return(relation) }}{%- endif -%}
    {%- for kind in ('stock_from', 'ledger_from', 'cost_from') if '__' ~ kind ~ '__' in where -%}
        {%- set where = where | replace('__' ~ kind ~ '__', checked_from(kind)) -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
    {%- endfor -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') dbt_subquery') }}
{%- endmacro %}

{#- Which models with which settings, as text: other ones make all tables anew. -#}
{% macro models_and_settings() -%}
    {{ return(var('models_version') ~ ' ' ~ tojson(invocation_args_dict.get('vars', {}), sort_keys=true)) }}
{%- endmacro %}

{#- What the build before depended on; none where a full build is due: asked for, or by hand, as nobody then says which models these are. -#}
{% macro last_build_inputs() -%}
    {%- if is_plan() -%}{{ return(as_built('build', 'built_inputs')) }}{%- endif -%}
    {%- set full = flags.FULL_REFRESH or var('models_version') == 'by hand' or not incremental_tables_stand() -%}
    {{ return(none if full else as_built('build', 'built_inputs')) }}
{%- endmacro %}
