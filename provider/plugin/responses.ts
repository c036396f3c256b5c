import { Metadata, status } from "@grpc/grpc-js";
import {
  CheckFailure,
  CheckResponse,
  DiffResponse,
  ErrorResourceInitFailed,
  PropertyDiff,
} from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { PartialError } from "../lifecycle/user-error";
import { type Properties, withoutUndefined } from "../values/properties";
import type { PropertyChange } from "./detailed-diff";
import { encodeStruct } from "./struct";

/** A failure names no property, see `validate`. */
export function toCheckResponse(inputs: Properties, reasons: readonly string[]): CheckResponse {
  const failures = reasons.map((reason) => new CheckFailure().setReason(reason));
  return new CheckResponse().setInputs(encodeStruct(inputs)).setFailuresList(failures);
}

export interface DisplayedChange extends PropertyChange {
  /** Whether it replaces the resource. */
  readonly replaces?: boolean;
  /** Whether the path is one of the inputs, and not of the outputs. */
  readonly isInput?: boolean;
}

export function toDiffResponse(changes: readonly DisplayedChange[]): DiffResponse {
  const { DiffChanges } = DiffResponse;
  const response = new DiffResponse()
    .setChanges(changes.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
    .setDiffsList([...new Set(changes.map(({ property }) => property))])
    .setHasdetaileddiff(changes.length > 0);
  const { Kind } = PropertyDiff;
  const kinds = { add: Kind.ADD, delete: Kind.DELETE, update: Kind.UPDATE };
  const replaceKinds = { add: Kind.ADD_REPLACE, delete: Kind.DELETE_REPLACE, update: Kind.UPDATE_REPLACE };
  const detailed = response.getDetaileddiffMap();
  for (const { path, kind, replaces = false, isInput = true } of changes)
    detailed.set(path, new PropertyDiff().setKind((replaces ? replaceKinds : kinds)[kind]).setInputdiff(isInput));
  return response;
}

/** An error as the engine expects it. After a partial failure, the details have the state to keep. */
export function toServiceError(error: unknown): { code: status; details: string; metadata: Metadata } {
  const message = error instanceof Error ? error.stack || error.message : String(error);
  const metadata = new Metadata();
  if (error instanceof PartialError) {
    const failed = new ErrorResourceInitFailed()
      .setId(error.id)
      .setProperties(encodeStruct(withoutUndefined({ ...error.properties })))
      .setReasonsList([...error.reasons]);
    const details = new Any();
    details.pack(failed.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const response = new Status().setCode(status.UNKNOWN).setMessage(message);
    response.addDetails(details);
    // gRPC's name of the trailer with the details of an error, for which grpc-js has no function.
    metadata.add("grpc-status-details-bin", Buffer.from(response.serializeBinary()));
  }
  return { code: status.UNKNOWN, details: message, metadata };
}
