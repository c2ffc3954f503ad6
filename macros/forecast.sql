{#- What is left on the shelf, summed over days `first` to `last` from now, when `sold` units go each day. -#}
{% macro unit_days(units, sold, first, last) -%}
    {%- set end = 'least(' ~ last ~ ', coalesce(floor(' ~ units ~ ' / nullif(' ~ sold ~ ', 0)), ' ~ last ~ '))' -%}
    (greatest({{ end }} - {{ first }} + 1, 0)
    * ({{ units }} - {{ sold }} * ({{ first }} + {{ end }}) / 2.0))
{%- endmacro %}
