-- The scalar settings that models read.
{% set values = {} -%}
{%- for name in setting_types() -%}{%- do values.update({name: var(name)}) -%}{%- endfor -%}
{{ setting_rows('settings', [values], setting_types()) }}
