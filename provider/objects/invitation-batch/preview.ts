import { log } from "../../common/log";
import { toPrintableLine } from "../../common/printable";
import { hasSecretInput } from "../../common/secret-inputs";
import { formatPath } from "../../values/properties";
import { describeIgnoredChanges, isRetired } from "../invitation/plan";
import type { BatchInputs } from "./inputs";
import type { PlannedAction } from "./plan";

type Plan = ReadonlyMap<string, PlannedAction>;

/** Keys that a message names before it only counts the rest. */
const maxKeys = 5;

/** Says in a preview what the diff does not show: how much of the batch changes, which links are replaced or emailed, and what is ignored. */
export function reportPlan(inputs: BatchInputs, plan: Plan): void {
  const batch = hasSecretInput(inputs, "name") ? "[secret]" : inputs.name;
  const counts = countActions(plan);
  if (counts.length > 0) {
    log.info(toPrintableLine(`${batch} (${countInvitations(plan.size)}): ${counts.join(", ")}`));
  }
  reportReissues(inputs, batch, plan);
  reportUnsentEntries(batch, plan);
  warnAboutIgnoredChanges(batch, plan);
}

function countActions(plan: Plan): string[] {
  const count = (isCounted: (planned: PlannedAction) => boolean): number => [...plan.values()].filter(isCounted).length;
  const counts: [number, string][] = [
    [count(({ action, isImport }) => action === "create" && !isImport), "to create"],
    [count(({ action, isImport }) => action === "create" && isImport === true), "to import"],
    [count(({ action }) => action === "update"), "to update"],
    [count(({ action }) => action === "reissue"), "to reissue"],
    [count(({ action, state }) => action === "delete" && !state?.gone), "to delete"],
    [
      count(({ action, state }) => action === "delete" && state?.gone === true),
      "used or expired to remove from the state",
    ],
    [
      count(({ isLinkChanged }) => isLinkChanged === true),
      "with another link, because the slug of the flow or the URL in the configuration changed",
    ],
    [count(({ addresses }) => addresses.length > 0), "to email"],
  ];
  return counts.filter(([number]) => number > 0).map(([number, words]) => `${number.toLocaleString("en-US")} ${words}`);
}

function countInvitations(number: number): string {
  return number === 1 ? "1 invitation" : `${number.toLocaleString("en-US")} invitations`;
}

/** The old link of a reissued invitation stops working, so its keys are worth a look. */
function reportReissues(inputs: BatchInputs, batch: string, plan: Plan): void {
  const keys = [...plan].flatMap(([key, { action }]) => (action === "reissue" ? [key] : []));
  if (keys.length === 0 || hasSecretInput(inputs, "invitations")) return;
  const rest = keys.length > maxKeys ? ` and ${(keys.length - maxKeys).toLocaleString("en-US")} more` : "";
  log.info(
    toPrintableLine(
      `${batch}: reissued, so that the old link stops working: ${keys.slice(0, maxKeys).join(", ")}${rest}`,
    ),
  );
}

/** No input changed, so the diff shows nothing. */
function reportUnsentEntries(batch: string, plan: Plan): void {
  const unsent = [...plan.values()].filter(
    ({ action, state }) => action === "email" && state?.__unsentTo !== undefined,
  );
  if (unsent.length === 0) return;
  log.info(`${batch}: the links of ${unsent.length} invitations will be emailed, because the last request failed.`);
}

function warnAboutIgnoredChanges(batch: string, plan: Plan): void {
  const ignored = [...plan].flatMap(([key, { action, state, inputs }]) => {
    if (action !== "keep" || state === undefined || inputs === undefined || !isRetired(state)) return [];
    const warning = describeIgnoredChanges(state, { ...inputs });
    return warning === undefined ? [] : [`${batch}: ${formatPath(["invitations", key])} ${warning}`];
  });
  for (const warning of ignored.slice(0, maxKeys)) log.warn(warning);
  if (ignored.length > maxKeys) {
    log.warn(`${batch}: changes to ${ignored.length - maxKeys} more used or expired invitations are ignored.`);
  }
}
