/** What cannot be read, by the name of its message in locales/. */

export class Failure extends Error {
  /** code: `failure.<code>` in locales/. detail: in English, for whoever mends it. */
  constructor(readonly code: string, readonly detail = "") {
    super(detail || code);
  }
}

/** A claim that cannot be read at all. */
export class ClaimError extends Failure {}
