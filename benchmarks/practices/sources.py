"""The public rate cards and billing manuals that the practices follow."""

from typing import NamedTuple


class Source(NamedTuple):
    title: str
    address: str


SOURCES = {
    "amazon_storage": Source(
        "Amazon Seller Central: FBA inventory storage fees",
        "https://sellercentral.amazon.com/gp/help/external/help.html?itemID=200612770",
    ),
    "amazon_mcf": Source(
        "Amazon Seller Central: Multi-Channel Fulfillment fees",
        "https://sellercentral.amazon.com/gp/help/external/201112650",
    ),
    "amazon_aged": Source(
        "Amazon storage fee and aged inventory surcharge 2023",
        "https://simple-agency.com.ua/the-amazon-monthly-storage-fee-aged-inventory-surcharge-and-fba-capacity-limits-have-been-changed-in-2023/",
    ),
    "walmart_fees": Source(
        "Walmart Fulfillment Services pricing", "https://marketplace.walmart.com/walmart-fulfillment-services-pricing/"
    ),
    "walmart_calculator": Source(
        "Walmart Marketplace Learn: WFS fees calculator",
        "https://marketplacelearn.walmart.com/guides/Shipping%20&%20fulfillment/Walmart%20Fulfillment%20Services%20(WFS)/WFS-fees-calculator",
    ),
    "efulfillment": Source(
        "eFulfillment Service: additional services pricing",
        "https://www.efulfillmentservice.com/additional-services-pricing/",
    ),
    "efulfillment_guide": Source(
        "eFulfillment Service: understanding 3PL costs and fee structures",
        "https://www.efulfillmentservice.com/2025/06/understanding-3pl-costs-and-fee-structures-a-guide-for-new-e%e2%80%91commerce-sellers",
    ),
    "shiphero": Source(
        "ShipHero Fulfillment: pricing and billing",
        "https://fulfillment-help.shiphero.com/knowledge-base/pricing-billing/",
    ),
    "shiphero_storage": Source(
        "ShipHero Fulfillment: how do you charge for storage",
        "https://fulfillment-help.shiphero.com/knowledge-base/how-do-you-charge-for-storage/",
    ),
    "shiphero_3pl": Source(
        "ShipHero: 3PL billing fees overview",
        "https://software-help.shiphero.com/hc/en-us/articles/31862051645069-3PL-Billing-Billing-Fees-Overview",
    ),
    "fulfyld": Source(
        "Fulfyld: terms of service, picks and the monthly minimum",
        "https://www.fulfyld.com/knowledge/09-22-2021-terms-of-service-update/",
    ),
    "shipbob": Source(
        "ShipBob: accounting, billing breakdown",
        "https://support.shipbob.com/en/articles/3959610-accounting-billing-breakdown",
    ),
    "shipmonk_billing": Source(
        "ShipMonk: billing FAQ", "https://support.shipmonk.com/support/solutions/articles/9000099341-billing-faq"
    ),
    "shipmonk_weight": Source(
        "ShipMonk: weight-based surcharge",
        "https://support.shipmonk.com/support/solutions/articles/9000169147-weight-based-surcharge",
    ),
    "shipmonk_wholesale": Source(
        "ShipMonk: retail and wholesale order pricing",
        "https://support.shipmonk.com/support/solutions/articles/9000133961-retail-and-wholesale-order-pricing",
    ),
    "shipbots": Source("ShipBots: warehousing and fulfillment FAQs", "https://www.shipbots.com/faqs/"),
    "shipcalm": Source("ShipCalm: pricing", "https://www.shipcalm.com/pricing/"),
    "redstag": Source(
        "Red Stag Fulfillment: long-term storage policy", "https://get.redstagfulfillment.com/about-long-term-storage"
    ),
    "flexport": Source(
        "Flexport: omni-channel fulfillment pricing overview",
        "https://support.portal.flexport.com/hc/en-us/articles/360011693573-Flexport-Omni-Channel-Fulfillment-Pricing-Overview",
    ),
    "deliverr": Source(
        "Deliverr: how are storage fees computed",
        "https://support.deliverr.com/hc/en-us/articles/360003199273-How-are-storage-fees-computed-",
    ),
    "printful": Source(
        "Printful: warehousing and fulfillment fees",
        "https://www.printful.com/faq/warehousing-fulfillment/242-how-do-the-warehousing-fulfillment-fees-work-",
    ),
    "kingbuddha": Source("King Buddha: fulfilment price list", "https://kingbuddha.com/pages/fulfilment"),
    "fulfillment_box": Source("Fulfillment-Box: prices in Canada", "https://fulfillment-box.com/prices/prices-canada/"),
    "prep": Source("Pick and Pack Prepping: price list", "https://www.pickandpackprepping.com/work"),
    "pulpo": Source("PULPO WMS: tiered prices for order-based billing", "https://www.pulpowms.com/order-based-pricing"),
    "oawms": Source(
        "OAWMS: tiered volume discount as a billing service",
        "https://oawms.com/knowledgebase/tiered-volume-discount-as-billing-srevice",
    ),
    "extensiv": Source(
        "Extensiv 3PL Warehouse Manager: recurring storage",
        "https://3w.extensiv.com/PresentationTier/Help/EN/wms_customer_billingwiz_recurstorage.htm",
    ),
    "wares": Source("WARES: recurring storage billing", "https://newwares.aaltsys.info/billing/07_1recurring.html"),
    "infor": Source(
        "Infor WMS: 3PL billing, recurring rules",
        "https://docs.infor.com/wms/2024.x/en-us/useradminlib/sce3plbug/rxv1612894278635.html",
    ),
    "drexel": Source("Drexel Industries: 3PL billing guide", "https://drexel.ca/3pl-billing-guide/"),
    "efillsource": Source(
        "eFillSource: fulfillment center pricing", "https://www.efillsource.com/fulfillment-center-pricing/"
    ),
    "promotions": Source(
        "Inspired Technology: recurring storage, promotional periods and rate hikes",
        "https://www.inspiredtechnologysystems.com/News/2022-10-11/Recurring-Storage-and-Anniversaries-",
    ),
    "ups_divisor": Source(
        "UPS rate change information: the divisor 139",
        "https://postandparcel.info/76688/news/ups-rate-change-information",
    ),
    "ups_fuel": Source("UPS fuel surcharge table", "https://easyrelocated.com/?p=12741"),
    "ups_value": Source(
        "UPS declared value charges", "https://aic-components.com/power-equipment/does-ups-cover-declared-value.html"
    ),
    "carrier_terms": Source("ShipLion: dictionary of UPS and FedEx charges", "https://shiplion.com/dictionary/"),
    "carrier_rates": Source(
        "ShipMint: how to read a rate table", "https://goshipmint.com/resources/how-to-read-rate-table"
    ),
    "epi": Source("EPI: rate per package", "https://epiship.com/rate-per-package"),
    "fedex_peak": Source(
        "FedEx 2024 peak season surcharges", "https://shipware.com/blog/fedex-announces-2024-peak-season-surcharges"
    ),
    "fedex_increase": Source(
        "FedEx and UPS 2026 general rate increases",
        "https://www.enveyo.com/fedex-and-ups-2026-general-rate-increases-strategic-impact",
    ),
    "fedex_fees": Source(
        "FedEx fees and other shipping information",
        "https://wixlib.com/document/3f5cd_fees-and-other-shipping-information-effective-jan-3-2011-updated.html",
    ),
    "duties": Source(
        "SKUpreme: international shipping, duties and taxes",
        "https://skupreme.com/knowledge-base/international-shipping-understanding-duties-and-taxes",
    ),
    "japan": Source(
        "Transbang: 日本転送費用 (price list in yen)",
        "https://www.transbang.com/ja-jp/help/service_expense_payment/?index=13",
    ),
    "racklify": Source(
        "Racklify: 3PL pricing in 2026", "https://racklify.com/news/3pl-pricing-2026-most-comprehensive"
    ),
    "fulfillor": Source("Fulfillor: common 3PL charges", "https://fulfillor.com/3pl-billing-software"),
}
