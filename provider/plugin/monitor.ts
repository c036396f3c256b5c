import { credentials, type ServiceError } from "@grpc/grpc-js";
import { Alias } from "@pulumi/pulumi/proto/alias_pb";
import type { ConstructRequest } from "@pulumi/pulumi/proto/provider_pb";
import { ResourceMonitorClient } from "@pulumi/pulumi/proto/resource_grpc_pb";
import {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
  type RegisterResourceResponse,
} from "@pulumi/pulumi/proto/resource_pb";
import { dynamicType } from "../common/provider-source";
import { unknownValue } from "../common/reserved-strings";
import type { Properties } from "../values/properties";
import { pluginType } from "./schema";
import { decodeStruct, encodeStruct } from "./struct";

/** The engine's resource monitor, with which a component registers its resources, as programs do. */
export class Monitor {
  readonly #client: ResourceMonitorClient;
  readonly #request: ConstructRequest;
  #urn = "";

  constructor(request: ConstructRequest) {
    this.#client = new ResourceMonitorClient(request.getMonitorendpoint(), credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
    this.#request = request;
  }

  close(): void {
    this.#client.close();
  }

  /**
   * Registers the component itself, with the options that the program set. Its resources inherit them from it. Returns its URN. `alias` is the type
   * that the component of TypeScript has in the state.
   */
  async registerComponent(alias: string): Promise<string> {
    const request = this.#request;
    const registration = this.#newRequest(request.getType(), request.getName(), request.getParent(), alias)
      .setCustom(false)
      .setDeletedwith(request.getDeletedwith())
      .setObject(encodeStruct({}));
    for (const alias of request.getAliasesList()) registration.addAliases(alias);
    if (request.hasProtect()) registration.setProtect(request.getProtect() ?? false);
    if (request.hasRetainondelete()) registration.setRetainondelete(request.getRetainondelete() ?? false);
    const providers = registration.getProvidersMap();
    request.getProvidersMap().forEach((provider: string, packageName: string) => {
      providers.set(packageName, provider);
    });
    this.#urn = (await this.#register(registration)).getUrn();
    return this.#urn;
  }

  /** Registers a resource of the component. `dependencies` are the URNs of the resources that each input depends on. At previews, outputs can be unknown. */
  async register(
    kind: string,
    name: string,
    inputs: Properties,
    dependencies: Readonly<Record<string, readonly string[]>>,
  ) {
    const registration = this.#newRequest(pluginType(kind), name, this.#urn, dynamicType(kind))
      .setCustom(true)
      .setObject(encodeStruct(inputs));
    const byProperty = registration.getPropertydependenciesMap();
    for (const [property, urns] of Object.entries(dependencies)) {
      byProperty.set(property, new RegisterResourceRequest.PropertyDependencies().setUrnsList([...urns]));
      for (const urn of urns) registration.addDependencies(urn);
    }
    const response = await this.#register(registration);
    const { properties } = decodeStruct(response.getObject());
    return { urn: response.getUrn(), id: response.getId() || unknownValue, outputs: properties };
  }

  async registerOutputs(outputs: Properties): Promise<void> {
    const request = new RegisterResourceOutputsRequest().setUrn(this.#urn).setOutputs(encodeStruct(outputs));
    await new Promise<void>((resolve, reject) => {
      this.#client.registerResourceOutputs(request, (error: ServiceError | null) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  #newRequest(type: string, name: string, parent: string, formerType: string): RegisterResourceRequest {
    const alias = new Alias().setSpec(new Alias.Spec().setType(formerType));
    return new RegisterResourceRequest()
      .setType(type)
      .setName(name)
      .setParent(parent)
      .setDependenciesList(this.#request.getDependenciesList())
      .setAcceptsecrets(true)
      .setSupportspartialvalues(true)
      .setAliasspecs(true)
      .setAliasesList([alias]);
  }

  #register(request: RegisterResourceRequest): Promise<RegisterResourceResponse> {
    return new Promise((resolve, reject) => {
      this.#client.registerResource(request, (error: ServiceError | null, response: RegisterResourceResponse) =>
        error ? reject(error) : resolve(response),
      );
    });
  }
}
