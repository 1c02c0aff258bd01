const CLICK_ID = '{CLICK_ID}';

/** A landing URL with its `{CLICK_ID}` filled in; the id is good for URLs as it is. '' where nothing may be measured. */
export const landingUrlOf = (landingUrl: string, clickId: string): string => landingUrl.replaceAll(CLICK_ID, clickId);

/** Whether a landing URL asks for the click's id. */
export const wantsClickId = (landingUrl: string): boolean => landingUrl.includes(CLICK_ID);
