import { isObject, type JsonObject } from './json-shape';
import { validateNative } from './validate-native';
import { fault, negativeFault, textListFault, type Fault } from './validation-fault';

const VIDEO_NUMBERS = [
  'minduration',
  'maxduration',
  'minbitrate',
  'maxbitrate',
  'w',
  'h',
  'sequence',
  'poddur',
  'maxseq',
  'skipmin',
  'skipafter',
] as const;
const AUDIO_NUMBERS = [
  'minduration',
  'maxduration',
  'minbitrate',
  'maxbitrate',
  'sequence',
  'poddur',
  'maxseq',
  'stitched',
  'nvol',
] as const;
const BANNER_NUMBERS = ['w', 'h', 'wmin', 'wmax', 'hmin', 'hmax', 'pos', 'topframe', 'vcm'] as const;
const FORMAT_NUMBERS = ['w', 'h', 'wratio', 'hratio', 'wmin'] as const;

/** Structural fault of one `imp` (OpenRTB 2.6, section 3.2.4), or null. `at` is its JSON pointer. */
export function validateImpression(impression: JsonObject, at: string): Fault | null {
  const { banner, video, audio, native, pmp } = impression;
  const found =
    negativeFault(impression, ['bidfloor', 'instl', 'secure', 'rwdd', 'exp'], at) ??
    typeFault(impression, at) ??
    (banner == null ? null : bannerFault(banner, `${at}/banner`)) ??
    (video == null ? null : mediaFault(video, VIDEO_NUMBERS, `${at}/video`)) ??
    (audio == null ? null : mediaFault(audio, AUDIO_NUMBERS, `${at}/audio`)) ??
    (native == null ? null : validateNative(native, `${at}/native`)) ??
    (pmp == null ? null : pmpFault(pmp, `${at}/pmp`));
  return found;
}

function typeFault(impression: JsonObject, at: string): Fault | null {
  const currency = impression['bidfloorcur'];
  if (currency != null && typeof currency !== 'string') return fault('type', `${at}/bidfloorcur`, 'must be a string');
  return null;
}

function bannerFault(banner: unknown, at: string): Fault | null {
  if (!isObject(banner)) return fault('type', at, 'must be an object');
  const numbers = negativeFault(banner, BANNER_NUMBERS, at);
  if (numbers) return numbers;
  for (const name of ['btype', 'battr', 'mimes', 'api', 'expdir'] as const) {
    if (banner[name] != null && !Array.isArray(banner[name])) return fault('type', `${at}/${name}`, 'must be an array');
  }
  const formats = banner['format'];
  if (formats == null) return null;
  if (!Array.isArray(formats)) return fault('type', `${at}/format`, 'must be an array');
  for (let i = 0; i < formats.length; i += 1) {
    const found = formatFault(formats[i], `${at}/format/${i}`);
    if (found) return found;
  }
  return null;
}

/** A format gives either exact pixels {w, h} or a ratio {wmin, wratio, hratio}, never a mixture. */
function formatFault(format: unknown, at: string): Fault | null {
  if (!isObject(format)) return fault('type', at, 'must be an object');
  const numbers = negativeFault(format, FORMAT_NUMBERS, at);
  if (numbers) return numbers;
  const exact = Boolean(format['w']) || Boolean(format['h']);
  const ratio = Boolean(format['wratio']) || Boolean(format['hratio']) || Boolean(format['wmin']);
  if (exact && ratio) return fault('exclusive', at, 'either {w, h} or {wmin, wratio, hratio}, not both');
  return null;
}

function mediaFault(media: unknown, numbers: readonly string[], at: string): Fault | null {
  if (!isObject(media)) return fault('type', at, 'must be an object');
  return textListFault(media['mimes'], `${at}/mimes`) ?? negativeFault(media, numbers, at);
}

function pmpFault(pmp: unknown, at: string): Fault | null {
  if (!isObject(pmp)) return fault('type', at, 'must be an object');
  const { deals } = pmp;
  if (deals == null) return null;
  if (!Array.isArray(deals)) return fault('type', `${at}/deals`, 'must be an array');
  for (let i = 0; i < deals.length; i += 1) {
    const deal: unknown = deals[i];
    if (!isObject(deal)) return fault('type', `${at}/deals/${i}`, 'must be an object');
    if (typeof deal['id'] !== 'string' || deal['id'] === '') {
      return fault('required', `${at}/deals/${i}/id`, 'must be a non-empty string');
    }
    const numbers = negativeFault(deal, ['bidfloor'], `${at}/deals/${i}`);
    if (numbers) return numbers;
  }
  return null;
}
