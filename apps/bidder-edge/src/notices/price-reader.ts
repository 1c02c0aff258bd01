import type { ExchangeSettings } from '#domain/contracts';
import { parsePriceMicros } from '#domain/money';
import { decryptPriceMicros, type PriceKeys } from './price-cipher';

/** Micros of a price as one exchange writes it; null for what is no price. */
export type ReadPrice = (text: string) => number | null;

type Encoding = Pick<ExchangeSettings, 'priceEncoding' | 'priceKeyId'>;

const unreadable: ReadPrice = () => null;

/** Reads prices as exchanges write them, with the keys that this edge holds. */
export class PriceReader {
  private readonly readers: ReadonlyMap<string, ReadPrice>;

  constructor(keys: ReadonlyMap<string, PriceKeys>) {
    this.readers = new Map([...keys].map(([id, pair]) => [id, (text: string) => decryptPriceMicros(text, pair)]));
  }

  /** Whether a bid could be settled: without the key every notice would be refused. */
  canRead({ priceEncoding, priceKeyId = '' }: Encoding): boolean {
    return priceEncoding === 'plain' || this.readers.has(priceKeyId);
  }

  /** How to read the prices of an exchange; of one that left the snapshot, as plain ones. */
  of(encoding: Encoding | undefined): ReadPrice {
    if (encoding === undefined || encoding.priceEncoding === 'plain') return parsePriceMicros;
    return this.readers.get(encoding.priceKeyId ?? '') ?? unreadable;
  }
}
