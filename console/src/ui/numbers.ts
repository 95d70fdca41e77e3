/** Counts and money as the browser's language writes them. */

const whole = new Intl.NumberFormat();
const cents = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" });
const small = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  maximumSignificantDigits: 2,
});

const parts = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });

/** A share of the whole, 0 to 1. */
export function percent(share: number): string {
  return parts.format(share);
}

export function count(value: number): string {
  return whole.format(value);
}

/** US dollars; less than ten cents with two digits that mean something. */
export function dollars(value: number): string {
  return value === 0 || value >= 0.1 ? cents.format(value) : small.format(value);
}
