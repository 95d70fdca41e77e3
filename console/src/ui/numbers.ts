/** Formats of counts and money in the browser's language. */

const whole = new Intl.NumberFormat();
const cents = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" });
const small = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  maximumSignificantDigits: 2,
});

const parts = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });

/** Format a share from 0 to 1. */
export function percent(share: number): string {
  return parts.format(share);
}

export function count(value: number): string {
  return whole.format(value);
}

/** Format US dollars; less than ten cents with two significant digits. */
export function dollars(value: number): string {
  return value === 0 || value >= 0.1 ? cents.format(value) : small.format(value);
}
