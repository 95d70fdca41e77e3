/** Geometry of a long list: all rows have one height, except the expanded rows. */
export class RowGeometry {
  /** Heights of expanded rows by index. */
  private readonly expandedHeights = new Map<number, number>();

  constructor(readonly rowHeight: number) {}

  /** Set a row's height; the common height removes its entry. */
  setHeight(index: number, height: number): void {
    if (height === this.rowHeight) this.expandedHeights.delete(index);
    else this.expandedHeights.set(index, height);
  }

  clear(): void {
    this.expandedHeights.clear();
  }

  heightOf(index: number): number {
    return this.expandedHeights.get(index) ?? this.rowHeight;
  }

  /** Return the distance from the list's top to the row's, in time proportional to the expanded rows. */
  top(index: number): number {
    let top = index * this.rowHeight;
    for (const [other, height] of this.expandedHeights) if (other < index) top += height - this.rowHeight;
    return top;
  }

  total(count: number): number {
    return this.top(count);
  }

  /** Return the rows that intersect the range between two distances: from `first` up to, excluding, `end`. */
  range(from: number, to: number, count: number): { first: number; end: number } {
    const first = this.indexAt(from, count);
    let end = first;
    for (let top = this.top(first); end < count && top < to; end += 1) top += this.heightOf(end);
    return { first, end };
  }

  private indexAt(distance: number, count: number): number {
    let low = 0;
    let high = Math.max(0, count - 1);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.top(middle) <= distance) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
