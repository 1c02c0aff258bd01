import { numberOf, objectOf, textOf, type JsonObject } from './json-shape';

const MOBILE_DEVICE_TYPES: ReadonlySet<number> = new Set([1, 4, 5]);

/** What a decision reads of the device. */
export interface DeviceTraits {
  deviceType: number;
  os: string;
  language: string;
  isMobile: boolean;
}

/**
 * Reads `device`. Where an exchange sends the structured user agent (`sua`, client hints) instead of the parsed members, its platform is the
 * operating system and its `mobile` flag says what the device is.
 */
export function deviceTraits(device: JsonObject | undefined, channel: 'site' | 'app' | 'dooh'): DeviceTraits {
  const agent = objectOf(device?.['sua']);
  const deviceType = device === undefined ? 0 : numberOf(device['devicetype'], 0);
  const isPhone = agent?.['mobile'] === 1 || (agent === undefined && channel === 'app');
  return {
    deviceType,
    os: (textOf(device?.['os']) || textOf(objectOf(agent?.['platform'])?.['brand'])).toLowerCase(),
    language: textOf(device?.['language']).toLowerCase(),
    isMobile: MOBILE_DEVICE_TYPES.has(deviceType) || (deviceType === 0 && isPhone),
  };
}
