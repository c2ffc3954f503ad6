{#-
    The remaining stock, summed over days `first` to `last` from now, if `sold` units are shipped in 28 days and all are
    gone after `lasts` days, if ever; in 56ths of a unit and day, which are whole numbers.
-#}
{% macro unit_days(units, sold, lasts, first, last) -%}
    {%- set end = 'least(' ~ last ~ ', coalesce(' ~ lasts ~ ', ' ~ last ~ '))' -%}
    (greatest({{ end }} - {{ first }} + 1, 0)
    * (56 * {{ units }} - {{ sold }} * ({{ first }} + {{ end }})))
{%- endmacro %}
