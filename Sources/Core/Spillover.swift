/// A deployment of the same Azure resource that answers calls which the one that was asked for has no room for. Azure demands that it processes
/// on the same level (global, data zone, region), so that the endpoint's labels hold for both
/// (learn.microsoft.com, Manage traffic with spillover for provisioned deployments, read 2026-12-01).
public struct Spillover: Sendable, Hashable {
    public var deployment: String
    /// The key into the price book by which it is charged.
    public var price: String
    /// Each request asks for it, by `x-ms-spillover-deployment`; else the asked deployment's own property at Azure does it.
    public var isAsked: Bool
    /// What Azure calls its kind of deployment, where the endpoint's labels rest on the catalogue.
    public var sku: String?

    public init(deployment: String, price: String, isAsked: Bool, sku: String? = nil) {
        self.deployment = deployment
        self.price = price
        self.isAsked = isAsked
        self.sku = sku
    }
}
