import { z } from 'zod';

/** Length of a training window, counted back from now, seconds: 10 s to 90 days, a day by default. */
export const windowSecondsSchema = z
  .number()
  .int()
  .min(10)
  .max(90 * 86_400)
  .default(86_400);
