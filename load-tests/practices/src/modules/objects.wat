;; A list of objects that a collector keeps.
(type $node (struct (field $value i32) (field $next (ref null $node))))
(global $kept (mut (ref null $node)) (ref.null $node))

(func $list (param $count i32) (result (ref null $node))
  (local $first (ref null $node))
  (loop $next
    (local.set $first (struct.new $node (local.get $count) (local.get $first)))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br_if $next (local.get $count)))
  (local.get $first))

(func $sum (param $at (ref null $node)) (result i32)
  (local $sum i32)
  (block $done
    (loop $next
      (br_if $done (ref.is_null (local.get $at)))
      (local.set $sum (i32.add (local.get $sum) (struct.get $node $value (local.get $at))))
      (local.set $at (struct.get $node $next (local.get $at)))
      (br $next)))
  (local.get $sum))

;; Makes a list, adds its numbers, and forgets it.
(func (export "run") (param $count i32) (result i32) (call $sum (call $list (local.get $count))))

;; Makes a list, and keeps it.
(func (export "keep") (param $count i32) (global.set $kept (call $list (local.get $count))))
