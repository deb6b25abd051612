"""Generated from proto/status.proto by proto/generate.py. Do not edit."""

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

POOL = descriptor_pool.DescriptorPool()
POOL.AddSerializedFile(
    b'\n\x0cstatus.proto\x12\x0fhornbeam.status"f\n\x06Status\x12\x12\n\x04code\x18\x01 \x01(\x05R\x04code\x12\x18\n'
    b'\x07message\x18\x02 \x01(\tR\x07message\x12.\n\x07details\x18\x03 \x03(\x0b2\x14.hornbeam.status.AnyR\x07'
    b'details"6\n\x03Any\x12\x19\n\x08type_url\x18\x01 \x01(\tR\x07typeUrl\x12\x14\n\x05value\x18\x02 \x01(\x0cR\x05value"'
    b'\xbe\x01\n\tErrorInfo\x12\x16\n\x06reason\x18\x01 \x01(\tR\x06reason\x12\x16\n\x06domain\x18\x02 \x01(\tR\x06domain\x12D\n'
    b'\x08metadata\x18\x03 \x03(\x0b2(.hornbeam.status.ErrorInfo.MetadataEntryR\x08metad'
    b'ata\x1a;\n\rMetadataEntry\x12\x10\n\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n\x05value\x18\x02 \x01(\tR\x05value:\x028\x01'
    b'"\xad\x01\n\nBadRequest\x12U\n\x10field_violations\x18\x01 \x03(\x0b2*.hornbeam.status.BadR'
    b'equest.FieldViolationR\x0ffieldViolations\x1aH\n\x0eFieldViolation\x12\x14\n\x05fiel'
    b'd\x18\x01 \x01(\tR\x05field\x12 \n\x0bdescription\x18\x02 \x01(\tR\x0bdescription"G\n\tRetryInfo\x12:\n'
    b'\x0bretry_delay\x18\x01 \x01(\x0b2\x19.hornbeam.status.DurationR\nretryDelay":\n\x08Dur'
    b'ation\x12\x18\n\x07seconds\x18\x01 \x01(\x03R\x07seconds\x12\x14\n\x05nanos\x18\x02 \x01(\x05R\x05nanosb\x06proto3'
)
DESCRIPTOR = POOL.FindFileByName("status.proto")

Status = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["Status"])
Any = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["Any"])
ErrorInfo = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["ErrorInfo"])
BadRequest = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["BadRequest"])
RetryInfo = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["RetryInfo"])
Duration = message_factory.GetMessageClass(DESCRIPTOR.message_types_by_name["Duration"])
