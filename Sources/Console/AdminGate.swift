import Core
import Hummingbird
import Logging

/// Stands before every route: asks for the token, turns errors into answers, and says in one line what was asked.
struct AdminGate: RouterMiddleware {
    typealias Context = BasicRequestContext

    let token: AdminToken
    let log: Logger

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            guard isOpen(request) || token.isCarried(by: request) else { throw AdminError.noToken }
            response = try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            response = answer(.noRoute)
        } catch let error as any HTTPResponseError where error.status == .contentTooLarge {
            response = answer(.tooLong)
        } catch {
            let known = AdminError.from(error)
            if known == nil {
                log.error("An administrative request failed", metadata: ["reason": "\(type(of: error)): \(error)"])
            }
            response = answer(known ?? .unexpected)
        }
        response.headers[.cacheControl] = "no-store"
        // The pattern of the route, never the path: somebody may have put a key there.
        log.log(
            level: isOpen(request) ? .debug : .info, "An administrative request was answered",
            metadata: [
                "method": "\(request.method)", "route": "\(context.endpointPath ?? "none")",
                "status": "\(response.status.code)",
            ])
        return response
    }

    /// What probes and collectors read without a token: no caller is named in it.
    private func isOpen(_ request: Request) -> Bool {
        request.method == .get && ["/livez", "/readyz", "/metrics"].contains(request.uri.path)
    }
}

extension AdminToken {
    /// Whether a request has it as its one bearer credential.
    func isCarried(by request: Request) -> Bool {
        let scheme = "bearer "
        let given = request.headers[values: .authorization]
        guard given.count == 1, let value = given.first, value.prefix(scheme.count).lowercased() == scheme else { return false }
        return matches(String(value.dropFirst(scheme.count)))
    }
}
