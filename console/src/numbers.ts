/** Counts and money as the browser's language writes them. */

const whole = new Intl.NumberFormat();
const cents = new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol" });
const small = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  maximumSignificantDigits: 2,
});

export function count(value: number): string {
  return whole.format(value);
}

/** US dollars; less than ten cents with two digits that mean something. */
export function dollars(value: number): string {
  return value === 0 || value >= 0.1 ? cents.format(value) : small.format(value);
}
