import type { NormalisedRequest } from '../contracts/normalised-request';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { ServedCampaign } from './served-campaign';

/** Time for which bits of dayparting hold at most: no zone's hours begin between quarters of an hour. */
const QUARTER_MS = 900_000;

/** One bit per campaign, by ordinal. */
export type CampaignBitmap = Int32Array;

const emptyBitmap = (campaigns: number): CampaignBitmap => new Int32Array(Math.ceil(campaigns / 32));
const setBit = (bits: CampaignBitmap, at: number): void => {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
};

/** Campaigns that allow each value of one targeted field. */
class Field<T> {
  private readonly byValue = new Map<T, CampaignBitmap>();
  private readonly unrestricted: CampaignBitmap;

  constructor(campaigns: readonly ServedCampaign[], allowedBy: (campaign: ServedCampaign) => ReadonlySet<T> | null) {
    this.unrestricted = emptyBitmap(campaigns.length);
    for (const campaign of campaigns) if (allowedBy(campaign) === null) setBit(this.unrestricted, campaign.ordinal);
    for (const campaign of campaigns) {
      for (const value of allowedBy(campaign) ?? []) {
        let bits = this.byValue.get(value);
        if (!bits) this.byValue.set(value, (bits = this.unrestricted.slice()));
        setBit(bits, campaign.ordinal);
      }
    }
  }

  allowing(value: T): CampaignBitmap {
    return this.byValue.get(value) ?? this.unrestricted;
  }
}

/** What depends on the clock, and for which moments it holds. */
interface TimeBits {
  inFlight: CampaignBitmap;
  inHours: CampaignBitmap;
  fromMs: number;
  untilMs: number;
}

/** Why a request may not be for a campaign by its state, flight, hours and audience, in the order in which they are named. */
const REASONS: readonly NoBidReason[] = [
  ...(['campaign-paused', 'out-of-flight', 'dayparting', 'exchange-not-targeted'] as const),
  ...(['geo', 'device', 'os', 'language'] as const),
];

/**
 * Whom a request is for by flight, hours and audience, as bitmaps, one per value of a field: a request reads a few hundred words instead of ten
 * thousand campaigns that it cannot be for.
 */
export class CampaignBits {
  private readonly active: CampaignBitmap;
  private readonly bySlot = new Map<number, CampaignBitmap>();
  private readonly exchanges: Field<string>;
  private readonly countries: Field<string>;
  private readonly deviceTypes: Field<number>;
  private readonly os: Field<string>;
  private readonly languages: Field<string>;
  /** Borders of flights, ascending. */
  private readonly borders: Float64Array;
  private time: TimeBits | null = null;
  /** For each reason the campaigns that it is not against, of the request asked for last. */
  private readonly allowed: CampaignBitmap[] = [];

  constructor(private readonly campaigns: readonly ServedCampaign[]) {
    this.active = emptyBitmap(campaigns.length);
    for (const campaign of campaigns) {
      if (campaign.isActive) setBit(this.active, campaign.ordinal);
      for (const slot of campaign.creativesBySlot.keys()) {
        let bits = this.bySlot.get(slot);
        if (!bits) this.bySlot.set(slot, (bits = emptyBitmap(campaigns.length)));
        setBit(bits, campaign.ordinal);
      }
    }
    this.exchanges = new Field(campaigns, (campaign) => campaign.exchanges);
    this.countries = new Field(campaigns, (campaign) => campaign.countries);
    this.deviceTypes = new Field(campaigns, (campaign) => campaign.deviceTypes);
    this.os = new Field(campaigns, (campaign) => campaign.os);
    this.languages = new Field(campaigns, (campaign) => campaign.languages);
    this.borders = Float64Array.from(campaigns.flatMap(({ startMs, endMs }) => [startMs, endMs])).sort();
  }

  get words(): number {
    return this.active.length;
  }

  /** Puts the campaigns with a creative for any of the slots into `into`; answers how many. */
  withSlots(slots: readonly number[], into: CampaignBitmap): number {
    into.fill(0);
    for (const slot of slots) {
      const bits = this.bySlot.get(slot);
      if (bits) for (let w = 0; w < into.length; w += 1) into[w] = (into[w] as number) | (bits[w] as number);
    }
    return countBits(into);
  }

  /** Looks up which campaigns a request may be for, by each reason against it; what follows is about this one. */
  ask(request: NormalisedRequest, nowMs: number): void {
    const { inFlight, inHours } = this.timeBits(nowMs);
    const { allowed } = this;
    // The order of REASONS.
    allowed[0] = this.active;
    allowed[1] = inFlight;
    allowed[2] = inHours;
    allowed[3] = this.exchanges.allowing(request.exchange);
    allowed[4] = this.countries.allowing(request.country);
    allowed[5] = this.deviceTypes.allowing(request.deviceType);
    allowed[6] = this.os.allowing(request.os);
    allowed[7] = this.languages.allowing(request.language);
  }

  /** Takes the campaigns that the request is not for out of the `bidders` in `left`, tells how many for each reason, answers how many stay. */
  narrow(left: CampaignBitmap, bidders: number, onRemoved: (reason: NoBidReason, count: number) => void): number {
    let count = bidders;
    for (let r = 0; r < REASONS.length && count > 0; r += 1) {
      const bits = this.allowed[r] as CampaignBitmap;
      let kept = 0;
      for (let w = 0; w < left.length; w += 1) {
        const word = (left[w] as number) & (bits[w] as number);
        left[w] = word;
        if (word !== 0) kept += bitsOf(word);
      }
      if (kept < count) onRemoved(REASONS[r] as NoBidReason, count - kept);
      count = kept;
    }
    return count;
  }

  /** Why the request is not for a campaign; null = it may be. */
  refusal(ordinal: number): NoBidReason | null {
    for (let r = 0; r < REASONS.length; r += 1)
      if ((((this.allowed[r] as CampaignBitmap)[ordinal >>> 5] as number) & (1 << (ordinal & 31))) === 0)
        return REASONS[r] as NoBidReason;
    return null;
  }

  /** Flights and hours hold for minutes; they are worked out again when one of them may have changed. */
  private timeBits(nowMs: number): TimeBits {
    const { time } = this;
    if (time !== null && nowMs >= time.fromMs && nowMs < time.untilMs) return time;
    const quarterMs = Math.floor(nowMs / QUARTER_MS) * QUARTER_MS;
    const fresh: TimeBits = {
      inFlight: emptyBitmap(this.campaigns.length),
      inHours: emptyBitmap(this.campaigns.length),
      fromMs: quarterMs,
      untilMs: quarterMs + QUARTER_MS,
    };
    for (const border of this.borders) {
      if (border <= nowMs) fresh.fromMs = Math.max(fresh.fromMs, border);
      else {
        fresh.untilMs = Math.min(fresh.untilMs, border);
        break;
      }
    }
    for (const { ordinal, startMs, endMs, hours, clock } of this.campaigns) {
      if (nowMs >= startMs && nowMs < endMs) setBit(fresh.inFlight, ordinal);
      if (hours === null || hours[clock.at(nowMs).hourOfWeek] !== 0) setBit(fresh.inHours, ordinal);
    }
    this.time = fresh;
    return fresh;
  }
}

/** Bits set in one word (Hacker's Delight, figure 5-2). */
function bitsOf(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function countBits(bits: CampaignBitmap): number {
  let count = 0;
  for (let w = 0; w < bits.length; w += 1) if (bits[w] !== 0) count += bitsOf(bits[w] as number);
  return count;
}

/**
 * Calls `visit` with the ordinal of every set bit, from the `skip`-th on and round, until it answers false.
 * @param skip less than the number of bits set
 */
export function visitBits(bits: CampaignBitmap, skip: number, visit: (ordinal: number) => boolean): void {
  if (bits.length === 0) return;
  let first = 0;
  let over = skip;
  for (; first < bits.length; first += 1) {
    const count = bitsOf(bits[first] as number);
    if (over < count) break;
    over -= count;
  }
  for (let n = 0; n <= bits.length; n += 1) {
    const w = (first + n) % bits.length;
    let word = bits[w] as number;
    // The first word is visited twice: from its start bit on now, and up to it at the end.
    let at = 0;
    for (; word !== 0; word &= word - 1, at += 1) {
      if (n === 0 && at < over) continue;
      if (n === bits.length && at >= over) return;
      if (!visit(w * 32 + 31 - Math.clz32(word & -word))) return;
    }
  }
}
