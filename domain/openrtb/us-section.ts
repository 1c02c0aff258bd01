import * as gpp from '@iabgpp/cmpapi';
import { textMemo } from './text-memo';

/** What a US section of a GPP string says. `unclear`: it cannot be read, or is of no law that is known here. */
export type UsSignal = 'allowed' | 'opted-out' | 'child' | 'unclear';

interface UsSection {
  hasField(name: string): boolean;
  getFieldValue(name: string): unknown;
}

/** IAB's section ids of the national and the state laws (GPP, "Section Information"). */
const SECTIONS: ReadonlyMap<number, new (text: string) => UsSection> = new Map(
  [
    gpp.UsNat,
    gpp.UsCa,
    gpp.UsVa,
    gpp.UsCo,
    gpp.UsUt,
    gpp.UsCt,
    gpp.UsFl,
    gpp.UsMt,
    gpp.UsOr,
    gpp.UsTx,
    gpp.UsDe,
    gpp.UsIa,
    gpp.UsNe,
    gpp.UsNh,
    gpp.UsNj,
    gpp.UsTn,
    gpp.UsMn,
    gpp.UsMd,
    gpp.UsIn,
    gpp.UsKy,
    gpp.UsRi,
  ].map((section) => [section.ID, section]),
);

/** Fields of the sections that are 1 where the user opted out. */
const OPT_OUTS = ['SaleOptOut', 'SharingOptOut', 'TargetedAdvertisingOptOut'] as const;
/** Longer than any section that the laws so far can fill. */
const MAX_CHARS = 256;

/** Reads the section `id` (7 to 27), as it stands in a GPP string. */
export function readUsSection(id: number, text: string): UsSignal {
  return read(`${id}~${text}`);
}

/** The strings hold choices and no person: a few of them make up nearly all traffic. */
const read = textMemo(1024, (key): UsSignal => {
  const mark = key.indexOf('~');
  const section = SECTIONS.get(Number(key.slice(0, mark)));
  if (section === undefined || key.length > MAX_CHARS) return 'unclear';
  try {
    return signalOf(new section(key.slice(mark + 1)));
  } catch {
    return 'unclear'; // the library throws for whatever it cannot read
  }
});

function signalOf(section: UsSection): UsSignal {
  const value = (name: string): unknown => (section.hasField(name) ? section.getFieldValue(name) : undefined);
  if (OPT_OUTS.some((name) => value(name) === 1) || value('Gpc') === true) return 'opted-out';
  const children = value('KnownChildSensitiveDataConsents');
  // 0 = not a known child; 1 and 2 = a child, without and with a parent's consent.
  const isChild = (Array.isArray(children) ? children : [children]).some((consent) => consent === 1 || consent === 2);
  return isChild ? 'child' : 'allowed';
}
