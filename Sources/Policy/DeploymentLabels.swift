import Core

/// Why the catalogue can say nothing of a deployment. `known` are the names that would do, for a hint.
public enum DeploymentProblem: Error, Sendable, Hashable {
    case unknownCloud(known: [String])
    case unknownRegion(cloud: String, known: [String])
    case unknownSKU(cloud: String, known: [String])
    case missingSKU(cloud: String, known: [String])
    /// The cloud has one kind of deployment only.
    case needlessSKU(cloud: String)
    case notSold(sku: String, cloud: String, regions: [String])
}

/// The labels of a deployment as the catalogue fills them, before the operator has said anything.
public struct FilledLabels: Sendable, Hashable {
    public var labels: Labels
    /// What the places could be at most, also where they count as unknown until they are attested. Empty: not even that is known.
    public var processedAtMost: Set<Place>
    public var storedAtMost: Set<Place>
    /// What stayed unknown, and why; sentences without a subject's name.
    public var gaps: [String]
}

extension PlaceCatalogue {
    /// Fills the labels of a deployment. A SKU decides where content is processed: anywhere, in the data zone of its region, or in
    /// its region's country. Stored is what the cloud promises for data at rest: the geography or the region.
    public func labels(of deployment: Deployment) throws(DeploymentProblem) -> FilledLabels {
        guard let cloud = clouds[deployment.cloud] else { throw .unknownCloud(known: clouds.keys.sorted()) }
        guard let region = cloud.regions[deployment.region] else {
            throw .unknownRegion(cloud: deployment.cloud, known: cloud.regions.keys.sorted())
        }
        let sku = try sku(of: deployment, in: cloud)
        var gaps: [String] = []

        var processed = region.processedIn
        switch sku?.processes {
        case .anywhere: processed = [anywhere]
        case .region: processed = region.country.map { [$0] } ?? []
        case .zone:
            if let zone = dataZone(of: region, in: cloud) {
                processed = zone.places
            } else {
                gaps.append(
                    "no data zone is known for \(deployment.place), so where it is processed is unknown until it is attested")
            }
        case nil:
            if processed.isUnknown { gaps.append("where \(deployment.place) processes is unknown until it is attested") }
        }
        var stored = region.storedIn
        switch cloud.stores {
        case .geography: stored = region.geography.flatMap { cloud.geographies[$0] } ?? []
        case .region: stored = region.country.map { [$0] } ?? []
        case nil: if stored.isUnknown { gaps.append("where \(deployment.place) stores is unknown until it is attested") }
        }

        processed = expanded(processed)
        stored = expanded(stored)
        let isOff = cloud.attest != nil
        if let reason = cloud.attest { gaps = ["its places are unknown until they are attested: \(reason)"] }
        var labels = Labels(
            processedIn: isOff ? [] : processed, storedIn: isOff ? [] : stored, operator: cloud.operator,
            operatorCountry: cloud.operatorCountry ?? "", trains: cloud.trains, retentionDays: cloud.retentionDays,
            owner: cloud.owner, ownerCountry: cloud.ownerCountry, review: cloud.review, deployment: deployment)
        for field in Labels.Field.allCases where labels.isKnown(field) {
            labels.origins[field] = .catalogue(source: cloud.source)
        }
        return FilledLabels(labels: labels, processedAtMost: processed, storedAtMost: stored, gaps: gaps)
    }

    private func sku(of deployment: Deployment, in cloud: Cloud) throws(DeploymentProblem) -> SKU? {
        guard let name = deployment.sku else {
            if cloud.skus.isEmpty { return nil }
            throw .missingSKU(cloud: deployment.cloud, known: cloud.skus.keys.sorted())
        }
        if cloud.skus.isEmpty { throw .needlessSKU(cloud: deployment.cloud) }
        guard let sku = cloud.skus[name] else { throw .unknownSKU(cloud: deployment.cloud, known: cloud.skus.keys.sorted()) }
        if let regions = sku.regions, !regions.contains(deployment.region) {
            throw .notSold(sku: name, cloud: deployment.cloud, regions: regions.sorted())
        }
        return sku
    }

    /// The cloud's data zone that the region's country is in.
    private func dataZone(of region: Region, in cloud: Cloud) -> Zone? {
        guard let country = region.country else { return nil }
        return cloud.dataZones.lazy.compactMap { zones[$0] }.first { $0.places.contains(country) }
    }

    /// Zones of the catalogue replaced by their countries.
    private func expanded(_ places: Set<Place>) -> Set<Place> {
        places.reduce(into: []) { all, place in
            if let zone = zones[place] { all.formUnion(zone.places) } else { all.insert(place) }
        }
    }
}
