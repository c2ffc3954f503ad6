{#-
    Overrides dbt-duckdb's own, which builds a second table, renames both and drops one: DuckDB replaces a table in one
    statement, and a build that fails half-way is not published.
-#}
{% materialization table, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set standing = load_cached_relation(this) -%}
    {%- if standing and not standing.is_table -%}{%- do adapter.drop_relation(standing) -%}{%- endif -%}
    {{- run_hooks(pre_hooks) -}}
    {%- call statement('main') -%}
        create or replace table {{ relation }} as (
            {{ compiled_code }}
        )
    {%- endcall -%}
    {{- run_hooks(post_hooks) -}}
    {%- do adapter.commit() -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}
