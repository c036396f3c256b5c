import { UserError } from "./user-error";

let isCancelled = false;

/** Stops what has not started yet. Requests that have been sent are finished, and their results are kept. */
export function cancel(): void {
  isCancelled = true;
}

export function throwIfCancelled(): void {
  if (isCancelled) throw new UserError("not done, because the run was cancelled. Run `pulumi up` again.");
}
