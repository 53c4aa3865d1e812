;; What makes a core module a processor: `$guest` exports memory, realloc, handle, configure and usage.
  (core instance $guest (instantiate $guest))
  (alias core export $guest "memory" (core memory $memory))
  (alias core export $guest "realloc" (core func $realloc))

  (type $fields (list (tuple string string)))
  (type $request (record
    (field "method" string) (field "path-with-query" string) (field "headers" $fields)
    (field "body" (list u8)) (field "received-at" u64)))
  (type $response (record
    (field "status" u16) (field "headers" $fields) (field "body" (list u8))))
  (type $phase-usage (record (field "name" string) (field "high-water" u64)))
  (type $arena-usage (record
    (field "capacity" u64) (field "in-use" u64) (field "high-water" u64)
    (field "request-high-water" u64) (field "resets" u64) (field "sealed" u64)
    (field "request-survivors" u64) (field "spills" u64) (field "persistent" u64)
    (field "phases" (list $phase-usage)) (field "retire" bool)))

  (func $handle (param "request" $request) (result $response)
    (canon lift (core func $guest "handle") (memory $memory) (realloc $realloc)))
  (func $configure (param "settings" $fields) (result (result (error string)))
    (canon lift (core func $guest "configure") (memory $memory) (realloc $realloc)))
  (func $usage (result $arena-usage)
    (canon lift (core func $guest "usage") (memory $memory) (realloc $realloc)))

  (instance $handler
    (export "request" (type $request))
    (export "response" (type $response))
    (export "handle" (func $handle)))
  (instance $lifecycle (export "configure" (func $configure)))
  (instance $memory-usage
    (export "phase-usage" (type $phase-usage))
    (export "arena-usage" (type $arena-usage))
    (export "usage" (func $usage)))
  (export "arenaria:processor/handler@0.1.0" (instance $handler))
  (export "arenaria:processor/lifecycle@0.1.0" (instance $lifecycle))
  (export "arenaria:processor/memory@0.1.0" (instance $memory-usage))
