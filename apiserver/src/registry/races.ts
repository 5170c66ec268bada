/**
 * How often a write that insists on no version is tried again after another one came first. Somebody wins each race, so as many
 * writers at once as this all come through; upstream sets no limit but the request's time.
 */
export const maxAttempts = 1_000;
